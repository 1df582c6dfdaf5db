//! CloudFormation's functions, and what does not resolve.

use super::super::TemplateError;
use super::read_with;

/// One output with this value, in a template with a bit of everything to refer to.
fn output(value: &str) -> Result<String, TemplateError> {
    let yaml = format!(
        "Parameters:\n  Name: {{Type: String, Default: world}}\n  Many: {{Type: CommaDelimitedList, Default: 'a, b,c'}}\n\
         Mappings:\n  Sizes: {{small: {{memory: 128}}}}\n\
         Conditions:\n  Here: !Equals [!Ref Name, world]\n  Away: !Not [!Condition Here]\n  \
         Both: !And [{{Condition: Here}}, !Or [!Condition Away, !Condition Here]]\n\
         Resources:\n  Bucket: {{Type: AWS::S3::Bucket}}\n  Topic: {{Type: AWS::SNS::Topic}}\n  \
         Queue: {{Type: AWS::SQS::Queue}}\n  Gone: {{Type: AWS::SQS::Queue, Condition: Away}}\n\
         Outputs:\n  Out:\n    Value: {value}\n"
    );
    read_with(&yaml, &[]).map(|stack| stack.outputs["Out"].clone())
}

#[test]
fn functions_give_their_values() {
    for (value, expected) in [
        ("!Ref Name", "world"),
        ("{Ref: Name}", "world"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref Bucket", "amiwright-bucket"),
        (
            "!Ref Topic",
            "arn:aws:sns:us-east-1:000000000000:amiwright-Topic",
        ),
        (
            "!Ref Queue",
            "https://sqs.us-east-1.amazonaws.com/000000000000/amiwright-Queue",
        ),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::amiwright-bucket"),
        ("!GetAtt [Topic, TopicName]", "amiwright-Topic"),
        (
            "{'Fn::GetAtt': [Queue, Arn]}",
            "arn:aws:sqs:us-east-1:000000000000:amiwright-Queue",
        ),
        (
            "!Sub 'hello ${Name} of ${AWS::StackName}, ${Queue.QueueName}, ${!Name}'",
            "hello world of amiwright, amiwright-Queue, ${Name}",
        ),
        (
            "!Sub ['${A}${Name}', {A: !Select [1, !Ref Many]}]",
            "bworld",
        ),
        (
            "!Join ['-', [a, !Ref Name, !Ref AWS::NoValue, 1]]",
            "a-world-1",
        ),
        ("!Join ['/', !Ref Many]", "a/b/c"),
        ("!Select [2, !Split ['/', a/b/c]]", "c"),
        ("!FindInMap [Sizes, small, memory]", "128"),
        ("!If [Here, 1, 2]", "1"),
        ("!If [Away, !Ref Nothing, 2]", "2"),
        ("!If [Both, !Base64 hi, 2]", "aGk="),
        ("2012-10-17", "2012-10-17"),
    ] {
        assert_eq!(output(value).as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn what_does_not_resolve_is_named_with_its_line() {
    for (value, message) in [
        (
            "!Ref Nothing",
            "line 17 of the template, Outputs.Out: there is no parameter or resource `Nothing`. Known: ",
        ),
        ("!Ref AWS::Moon", "no pseudo parameter `AWS::Moon`"),
        (
            "!Ref Gone",
            "`Gone` is not created, as its condition does not hold",
        ),
        (
            "!GetAtt Bucket.Colour",
            "no attribute `Colour` that is known here. Known: Arn, DomainName",
        ),
        ("!GetAtt Bucket", "takes `Resource.Attribute`"),
        ("!Sub 'x ${Name'", "without `}`"),
        ("!Sub 'x ${Nothing}'", "`Nothing`"),
        (
            "!ImportValue x",
            "the function Fn::ImportValue is not built here. Known: Ref,",
        ),
        ("!Equals [1, 1]", "belongs in Conditions"),
        (
            "!If [Perhaps, 1, 2]",
            "there is no condition `Perhaps`. Known: Here, Away, Both",
        ),
        ("!If [Here, 1]", "takes a list of 3"),
        ("!Select [3, !Ref Many]", "the list has 3"),
        (
            "!FindInMap [Sizes, large, memory]",
            "Mappings has no Sizes.large.memory",
        ),
        ("!!binary aGk=", "not one of CloudFormation's"),
        ("*anchor", "not YAML"),
        ("[a]", "a plain value is needed here, not a list"),
        ("{a: 1, a: 2}", "the key `a` is there twice"),
    ] {
        let error = output(value).unwrap_err().to_string();
        assert!(error.contains(message), "{value}: {error}");
    }
    let circle = "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\nResources: {}\nOutputs: {O: {Value: !If [A, 1, 2]}}";
    assert!(
        read_with(circle, &[])
            .unwrap_err()
            .problem
            .contains("in a circle")
    );
}

#[test]
fn rules_of_a_functions_events_have_the_names_that_sam_gives_them() {
    let yaml = "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    \
                Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: f}}\n    Properties:\n      Events:\n        \
                Tick: {Type: Schedule, Properties: {Schedule: rate(1 day)}}\n        \
                Named: {Type: EventBridgeRule, Properties: {Pattern: {source: [a]}, RuleName: mine}}\n\
                Outputs:\n  Tick: {Value: !GetAtt FTick.Arn}\n  Named: {Value: !Sub '${FNamed} is ${FNamed.Arn}'}\n";
    let stack = read_with(yaml, &[]).unwrap();
    let arn = "arn:aws:events:us-east-1:000000000000:rule";
    assert_eq!(stack.outputs["Tick"], format!("{arn}/amiwright-FTick"));
    assert_eq!(stack.outputs["Named"], format!("mine is {arn}/mine"));
    assert_eq!(stack.functions[0].schedules[0].arn, stack.outputs["Tick"]);
    let error = read_with(&yaml.replace("FTick.Arn", "FTock.Arn"), &[]).unwrap_err();
    assert!(
        error.problem.contains("no parameter or resource `FTock`"),
        "{error}"
    );
}

/// Of thirty lines, each of which names the one before it twice, there would be a billion.
#[test]
fn what_repeats_what_repeats_others_is_refused() {
    let lines = |first: &str, line: &dyn Fn(usize) -> String| -> String {
        std::iter::once(first.to_owned())
            .chain((1..=30).map(line))
            .collect()
    };
    let conditions = lines("  C0: !Equals [a, a]\n", &|n| {
        let before = n - 1;
        format!("  C{n}: !And [!Condition C{before}, !Condition C{before}]\n")
    });
    let conditions = format!(
        "Conditions:\n{conditions}Resources: {{}}\nOutputs: {{O: {{Value: !If [C30, 1, 2]}}}}\n"
    );
    let names = lines("  T0: {Type: AWS::SNS::Topic}\n", &|n| {
        let name = format!("T{}.TopicName", n - 1);
        format!(
            "  T{n}: {{Type: AWS::SNS::Topic, Properties: {{TopicName: !Sub '${{{name}}}${{{name}}}'}}}}\n"
        )
    });
    let names = format!("Resources:\n{names}");
    let inner = (0..30).fold("x".to_owned(), |inner, _| {
        format!("!Sub ['${{a}}${{a}}', {{a: {inner}}}]")
    });
    let subs = format!("Resources: {{}}\nOutputs: {{O: {{Value: {inner}}}}}\n");
    for yaml in [conditions, names, subs] {
        let error = read_with(&yaml, &[]).unwrap_err().to_string();
        assert!(error.contains("too much to work out"), "{error}");
    }
}

#[test]
fn problems_are_in_lines_that_the_template_has() {
    for (yaml, line) in [
        ("Resources: {B, ", 1),
        ("Resources:\r\n  B: [", 2),
        ("Resources: {", 1),
        ("", 1),
    ] {
        assert_eq!(read_with(yaml, &[]).unwrap_err().line, line, "{yaml:?}");
    }
}
