//! Whether an AMI goes by what its manifest said once, and does not say any more.

use localaws::faults::Call;

use super::images::is_shared_by;
use super::retiring::{Because, Going};
use super::{State, text};
use crate::simulation::script::{Manifest, Retire, Source};

/// Who has read a manifest acts by it for as long as a function runs, in seconds, and what clocks are off.
const READ_TO_ACT_MAX: i64 = 2 * 60;

impl State {
    /// What the manifest has said for long, and an AMI is deregistered all the same. The manifest is read again right before that.
    pub(super) fn outdated(&self, call: &Call, going: &Going, because: Because) -> Option<String> {
        let id = &going.image.id;
        let (is_there, seconds) = self.versions.presence(&going.key, call.at)?;
        let is_long = seconds > READ_TO_ACT_MAX;
        let is_removed = going.status["removedAt"].is_string();
        match because {
            Because::Retired if is_removed => (is_there && is_long)
                .then(|| format!("{id} is retired, and its manifest is there again")),
            Because::Name if !is_there => {
                is_long.then(|| format!("{id} goes for a name, and its manifest is gone"))
            }
            Because::Retired | Because::Name if is_there => {
                let newest = self.said_for_long(call, going)?;
                match because {
                    Because::Name => self.keeps_name(call, going, newest),
                    _ => self.is_overtaken(going, newest),
                }
            }
            _ => None,
        }
    }

    /// What was uploaded last, if that was not a moment ago.
    fn said_for_long(&self, call: &Call, going: &Going) -> Option<&Manifest> {
        let at = self.wanted_at.get(&going.manifest)?.last()?;
        let newest = self.wanted.get(&going.manifest)?.last()?;
        let is_long = call.at.as_second() - at.as_second() > READ_TO_ACT_MAX;
        is_long.then_some(newest)
    }

    /// Whether a manifest has not shared its AMIs with this one for long: it is read right before, and what somebody had for a
    /// minute cannot be taken back.
    pub(super) fn is_withdrawn(
        &self,
        call: &Call,
        (manifest, digest): (&str, &str),
        entity: &str,
    ) -> bool {
        let newest = self.wanted.get(manifest).and_then(|it| it.last());
        let since = self.wanted_at.get(manifest).and_then(|it| it.last());
        let (Some(newest), Some(since)) = (newest, since) else {
            return false;
        };
        let made = self.versions.made(manifest, digest);
        call.at.as_second() - since.as_second() > READ_TO_ACT_MAX
            && !newest.is_refused(self.given(call))
            && made.is_some_and(|it| makes_the_same(it, newest))
            && !is_shared_by(newest, entity)
    }

    /// A version that is overtaken retires nothing: the AMI may be the one that is asked for now.
    fn is_overtaken(&self, going: &Going, newest: &Manifest) -> Option<String> {
        let versions = self.versions_about(&going.manifest, &going.status);
        (!versions.contains(newest)).then(|| {
            let id = &going.image.id;
            format!("{id} is retired, and another version was uploaded since: {newest:?}")
        })
    }

    /// What is uploaded while an AMI is made may let the one stay that has its name, or ask for just that.
    fn keeps_name(&self, call: &Call, going: &Going, newest: &Manifest) -> Option<String> {
        let id = &going.image.id;
        // What does not pass the checks says nothing.
        if newest.is_refused(self.given(call)) {
            return None;
        }
        if newest.replaces != Retire::Deregister {
            return Some(format!("{id} goes for a name, and is to stay by now"));
        }
        let makes = |digest: &str| {
            let made = self.versions.made(&going.manifest, digest);
            made.is_some_and(|it| makes_the_same(it, newest))
        };
        let is_current = makes(&going.digest) && !makes(text(&going.status, "/build/digest"));
        is_current.then(|| format!("{id} goes for a name, and is what is asked for by now"))
    }
}

/// Whether two manifests ask for the same AMI, whatever is in the bucket besides.
fn makes_the_same(one: &Manifest, other: &Manifest) -> bool {
    let built = |it: &Manifest| (it.fixed_name, it.shared_name, it.imds, it.volume);
    matches!(one.source, Source::Snapshot(_))
        && one.source == other.source
        && built(one) == built(other)
}
