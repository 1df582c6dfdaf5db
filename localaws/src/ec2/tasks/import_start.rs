//! The way into an import task, and out of it: what ImportSnapshot and ImportImage share, and cancelling.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ec2::model::client_token::ClientToken;
use crate::ec2::model::import_task::{ImportTask, import_task_not_found};
use crate::ec2::model::region::Region;
use crate::ec2::model::service::Service;
use crate::ec2::model::timeline::Timeline;
use crate::ec2::model::timers::Timer;
use crate::ec2::wire::checks::{check_ascii, check_key};
use crate::ec2::wire::error::{Failure, invalid_parameter, refuse};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::tags;

/// The role that the service works with, unless the request names another ("Required service role").
const DEFAULT_ROLE: &str = "vmimport";
/// How much of its time a cancelled task is still `deleting`.
const CANCELLING: i32 = 10;

/// The form of an import task's parameters that both actions share, and the rest of the way in.
pub(crate) struct Start {
    pub(crate) task: ImportTask,
    pub(crate) token: Option<ClientToken>,
    role: String,
}

impl Start {
    /// Reads what both actions share.
    pub(crate) fn read(
        fields: &mut Fields,
        token: Option<ClientToken>,
        kind: &str,
    ) -> Result<Self, Failure> {
        let role = fields.text("RoleName").filter(|name| !name.is_empty());
        let mut tags = tags::read_specifications_of(fields, &[kind])?;
        let task = ImportTask {
            id: String::new(),
            description: fields.text("Description"),
            encrypted: fields.flag("Encrypted")?.unwrap_or(false),
            kms_key_id: fields.text("KmsKeyId"),
            disks: Vec::new(),
            machine: None,
            tags: tags.remove(kind).unwrap_or_default(),
            timeline: Timeline {
                started_at: Timestamp::UNIX_EPOCH,
                ends_at: Timestamp::UNIX_EPOCH,
            },
            visible_at: Timestamp::UNIX_EPOCH,
            failure: None,
            end: None,
            complete: false,
            image_id: None,
            hidden: false,
            state_override: None,
            request_id: String::new(),
        };
        let role = role.unwrap_or_else(|| DEFAULT_ROLE.to_owned());
        Ok(Self { task, token, role })
    }
}

impl Service {
    /// Starts an import task, or finds the one that this request has started before.
    pub(crate) async fn import(
        self: &Arc<Self>,
        region: &str,
        request_id: &str,
        start: Start,
    ) -> Result<ImportTask, Failure> {
        let Start {
            mut task,
            token,
            role,
        } = start;
        if let Some(known) = self.imported_before(region, token.as_ref())? {
            return Ok(known);
        }
        check_key(task.encrypted, task.kms_key_id.as_deref())?;
        check_ascii("description", task.description.as_deref())?;
        if !self.settings().roles.contains(&role) {
            return Err(invalid_parameter(format!(
                "The service role {role} does not exist or does not have sufficient permissions for the service to continue"
            )));
        }
        for disk in &mut task.disks {
            self.inspect_disk(region, disk).await?;
        }
        // The same request may have come a second time while this one read from S3.
        if let Some(known) = self.imported_before(region, token.as_ref())? {
            return Ok(known);
        }
        task.timeline = self.timeline(task.kind());
        task.visible_at = self.later(self.settings().visibility_delay);
        request_id.clone_into(&mut task.request_id);
        let ends_at = task.timeline.ends_at;
        let mut store = self.store();
        task.failure = store.next_failure(task.kind());
        let state = store.region(region);
        task.encrypt(&state.account, region);
        let prefix = if task.machine.is_some() {
            "import-ami"
        } else {
            "import-snap"
        };
        task.id = self.ids.resource(prefix);
        while state.import_tasks.contains_key(&task.id) {
            task.id = self.ids.resource(prefix);
        }
        state.tokens.record(token, &task.id);
        state.import_tasks.insert(task.id.clone(), task.clone());
        for at in task.due_times() {
            state.timers.set(at, Timer::Import(task.id.clone()));
        }
        drop(store);
        self.wake_at(ends_at);
        Ok(task)
    }

    fn imported_before(
        &self,
        region: &str,
        token: Option<&ClientToken>,
    ) -> Result<Option<ImportTask>, Failure> {
        let mut store = self.store();
        let region = store.region(region);
        let id = region.tokens.find(token)?;
        Ok(id.and_then(|id| region.import_tasks.get(&id).cloned()))
    }

    /// Cancels a task that is under way; gives its status before and after.
    pub(crate) fn cancel_import(
        &self,
        region: &str,
        id: &str,
        reason: Option<String>,
    ) -> Result<(String, String), Failure> {
        let now = self.clock.now();
        let mut store = self.store();
        let region = store.region(region);
        let Region {
            import_tasks,
            snapshots,
            ..
        } = region;
        let task = import_tasks
            .get_mut(id)
            // What the listings have forgotten can still be cancelled.
            .filter(|task| task.visible_at <= now)
            .ok_or_else(|| import_task_not_found(&[id]))?;
        let before = task.shown(now).status.into_owned();
        if task.complete || task.end.is_some() {
            let message = format!("The import task {id} is {before} and cannot be cancelled");
            return Err(refuse("IncorrectState", message));
        }
        let time = task
            .timeline
            .at(CANCELLING)
            .duration_since(task.timeline.started_at);
        let deleted_at = now.checked_add(time).unwrap_or(now);
        let message = reason.unwrap_or_else(|| "Cancelled by user".to_owned());
        task.end(deleted_at, message, snapshots);
        let after = task.shown(now).status.into_owned();
        let item = Timer::Import(id.to_owned());
        region.timers.set(now, item);
        Ok((before, after))
    }
}
