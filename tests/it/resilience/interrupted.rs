//! A change of a manifest is itself overtaken, at each call by which its AMIs are changed: while the answer is still awaited,
//! or after the invocation died, the manifest is set back, is set back and forth, or is deleted.

mod all;
mod current;

use std::time::Duration;

use localaws::faults::{Call, Fault};

use crate::support::{REGION, TestStack, changes_since, minutes};
use all::unknown;
use current::{changes_told, is_gone, of};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
/// The parameter that points to the AMI of each Region.
const NAME: &str = "/images/web";

const NOTHING: &str = "regions: {us-west-2: {}}\n";
const SETTINGS: &str = "regions: {us-west-2: {}}\ndescription: Web\ntags: {team: web, tier: front}\n\
                        access: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\n";
const OTHERS: &str = "regions: {us-west-2: {}}\ndescription: Other\ntags: {team: db, cost: a}\n\
                      access: {accounts: ['444455556666'], copy: true}\n\
                      deprecate: {at: 2027-05-01T00:00:00Z}\nprotect: {cooldown: true}\n";
const RELEASED: &str = "regions: {us-west-2: {}}\nparameters: [/images/web]\n";
const NEWER: &str = "regions: {us-west-2: {}}\nparameters: [/images/web]\nregister: {imdsSupport: v2.0}\n\
                     replaces: {previous: deregister, snapshots: delete}\n";
const HOME: &str = "protect: {cooldown: true}\n";
const REMOVABLE: &str = "regions: {us-west-2: {}}\naccess: {accounts: ['111122223333'], copy: true}\nprotect: true\n\
                         onDelete: deregister\nreplaces: {snapshots: delete}\n";

/// For how long an answer is held: not so long that the SDK asks once more.
const HELD: Duration = Duration::from_secs(6);

/// What overtakes the change.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Overtaken {
    SetBack,
    /// Set back, and changed again moments later.
    SetForth,
    /// It asks for nothing of all that.
    Removed,
    Deleted,
}

/// What the manifest asks for before, if it is there, and what it is changed to.
#[derive(Clone, Copy)]
struct Scene {
    before: Option<&'static str>,
    after: &'static str,
    by: Overtaken,
}

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", OREGON)
            .parameter("ParameterPrefix", "/images")
            // The scenes say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await
}

fn manifest(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web-{digest}") + settings
}

impl Scene {
    /// A world that is at rest before it.
    async fn ready(self) -> TestStack {
        let stack = stack().await;
        if let Some(before) = self.before {
            let manifest = manifest(&stack, before);
            stack.drop_and_rest(KEY, manifest).await;
        }
        stack
    }

    /// What the manifest says in the end.
    fn last(self) -> &'static str {
        match self.by {
            Overtaken::SetBack => self.before.unwrap_or_default(),
            Overtaken::SetForth | Overtaken::Deleted => self.after,
            Overtaken::Removed => NOTHING,
        }
    }

    async fn overtake(self, stack: &TestStack) {
        let settings = match self.by {
            Overtaken::Deleted => return stack.remove(KEY).await,
            Overtaken::Removed => NOTHING,
            Overtaken::SetBack | Overtaken::SetForth => self.before.unwrap_or_default(),
        };
        stack.drop_file(KEY, manifest(stack, settings)).await;
        if self.by == Overtaken::SetForth {
            stack.world.run_for(Duration::from_secs(3)).await;
            stack.drop_file(KEY, manifest(stack, self.after)).await;
        }
    }

    /// The calls by which AMIs, snapshots and parameters are changed, if nothing comes in between.
    async fn changes(self) -> Vec<Call> {
        let stack = self.ready().await;
        let before = stack.world.faults().count();
        let after = manifest(&stack, self.after);
        stack.drop_and_rest(KEY, after).await;
        changes_since(&stack, before)
    }

    async fn at(self, call: &Call, fault: Fault, expected: &[String]) -> Result<(), String> {
        let stack = self.ready().await;
        let (before, told) = (stack.world.faults().count(), stack.emails().len());
        stack.world.faults().at(call.number, fault);
        stack.drop_file(KEY, manifest(&stack, self.after)).await;
        for _ in 0..3600 {
            if stack.world.faults().pending() == 0 {
                break;
            }
            stack.world.run_for(Duration::from_secs(1)).await;
        }
        assert_eq!(stack.world.faults().pending(), 0, "{call:?} did not come");
        self.overtake(&stack).await;
        // Until then the invocation that is overtaken goes on.
        stack.world.run_for(2 * HELD).await;
        stack.note_upload();
        // An event may be lost with the invocation that it started.
        stack.world.run_for(minutes(16)).await;
        stack.rest().await;
        self.is_right(&stack, expected).await?;
        changes_told(&stack, (before, told))?;

        let (before, told) = (stack.world.faults().count(), stack.emails().len());
        stack.audit().await;
        let again = changes_since(&stack, before);
        match again.is_empty() && stack.emails().len() == told {
            true => Ok(()),
            false => Err(format!("more comes later: {again:?}")),
        }
    }

    /// What the manifest comes to in the end, if it never said anything else.
    async fn undisturbed(self) -> Vec<String> {
        let stack = stack().await;
        let last = manifest(&stack, self.last());
        stack.drop_and_rest(KEY, last).await;
        of(&stack).await
    }

    async fn is_right(self, stack: &TestStack, expected: &[String]) -> Result<(), String> {
        if self.by == Overtaken::Deleted {
            return is_gone(stack).await;
        }
        let seen = of(stack).await;
        let lacks: Vec<_> = expected.iter().filter(|it| !seen.contains(it)).collect();
        let is_region = |it: &&String| [REGION, OREGON].iter().any(|region| it.starts_with(region));
        let surplus = seen.iter().filter(|it| !expected.contains(it));
        let surplus: Vec<_> = surplus.filter(is_region).collect();
        if !lacks.is_empty() || !surplus.is_empty() {
            let all = format!("{lacks:#?}\nis missing of\n{seen:#?}\nwhich has\n{surplus:#?}");
            return Err(all);
        }
        let unknown = unknown(stack).await;
        match unknown.is_empty() {
            true => Ok(()),
            false => Err(unknown.join("\n")),
        }
    }

    async fn at_each_change(self) {
        let mut wrong = Vec::new();
        let changes = self.changes().await;
        assert!(changes.iter().any(|it| it.region == REGION));
        let expected = self.undisturbed().await;
        let ways = [
            Fault::Slow(HELD),
            Fault::Crash,
            Fault::CrashBefore,
            Fault::LoseAnswer,
        ];
        let mut tried = 0;
        for (index, call) in changes.iter().enumerate() {
            for (way, fault) in ways.iter().enumerate() {
                if !is_chosen(index, (way, ways.len()), self.by) {
                    continue;
                }
                tried += 1;
                if let Err(error) = Box::pin(self.at(call, fault.clone(), &expected)).await {
                    let what = format!("call {} ({} {})", call.number, call.region, call.action);
                    wrong.push(format!("{what}, {fault:?}: {error}"));
                }
            }
        }
        assert!(tried > 0, "none is chosen of {changes:#?}");
        let count = wrong.len();
        wrong.truncate(4);
        assert!(count == 0, "{count} wrong, as {}", wrong.join("\n"));
    }
}

/// Every fourth call, in one of the ways in turn, and in each scene others; all of them with `AMIWRIGHT_ALL_FAULTS=1`, which
/// takes minutes.
fn is_chosen(index: usize, (way, ways): (usize, usize), by: Overtaken) -> bool {
    let turn = index + by as usize;
    turn.is_multiple_of(4) && turn / 4 % ways == way
        || std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some()
}

macro_rules! scenes {
    ($($name:ident: $before:expr, $after:expr, $by:ident;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let scene = Scene {
                    before: $before,
                    after: $after,
                    by: Overtaken::$by,
                };
                scene.at_each_change().await;
            }
        )*
    };
}

scenes! {
    settings_that_are_added_are_set_back: Some(NOTHING), SETTINGS, SetBack;
    settings_that_are_changed_are_set_back: Some(SETTINGS), OTHERS, SetBack;
    settings_that_are_removed_are_set_back: Some(SETTINGS), NOTHING, SetBack;
    settings_that_are_changed_are_removed: Some(SETTINGS), OTHERS, Removed;
    settings_are_set_back_and_forth: Some(SETTINGS), OTHERS, SetForth;
    a_region_that_is_added_is_removed_again: Some(HOME), SETTINGS, SetBack;
    a_newer_version_is_set_back: Some(RELEASED), NEWER, SetBack;
    a_newer_version_is_set_back_and_forth: Some(RELEASED), NEWER, SetForth;
    a_manifest_that_is_published_is_deleted: None, REMOVABLE, Deleted;
    a_manifest_that_is_changed_is_deleted: Some(NOTHING), REMOVABLE, Deleted;
}
