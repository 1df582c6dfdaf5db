//! How a world comes to be: from a template, a directory and a few settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::account::Account;
use super::deployment::Deployment;
use super::directory::Directory;
use super::error::WorldError;
use super::kept::{load, not_before};
use super::making::{
    check_concurrency, check_destinations, check_log_groups, expressions, make, run_schedules,
};
use super::running::{Inner, World};
use crate::activity::Activity;
use crate::bus::Event;
use crate::client;
use crate::clock::Clock;
use crate::deliveries::Deliveries;
use crate::ec2::Era;
use crate::faults::{Exchange, Faults};
use crate::iam::Iam;
use crate::ids::Ids;
use crate::imds::Imds;
use crate::lambda::{Callers, FunctionRunner, InvocationRecord, Lambda, Parts};
use crate::logs::Logs;
use crate::management::{Management, Place};
use crate::schedule_runner;
use crate::services::Services;
use crate::sns::Sns;
use crate::state::StateFiles;
use crate::sts::Sts;
use crate::template;
use crate::template::stack::Stack;
use crate::watcher::Watcher;

/// Settings of a world to be. See [`World::builder`].
#[derive(Debug)]
pub struct Builder {
    template: String,
    stack_name: String,
    parameters: BTreeMap<String, String>,
    region: String,
    epoch: Timestamp,
    outside: Option<Timestamp>,
    speed: f64,
    seed: u64,
    directory: Option<PathBuf>,
    temporary: PathBuf,
    runner: FunctionRunner,
    schedules: bool,
    era: Era,
    users: Vec<(String, String)>,
    calls: Option<Watcher<Exchange>>,
    events: Option<Watcher<Event>>,
    invocations: Option<Watcher<InvocationRecord>>,
    beside: Option<World>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            template: "Resources: {}".to_owned(),
            stack_name: "local".to_owned(),
            parameters: BTreeMap::new(),
            region: "us-east-1".to_owned(),
            epoch: Timestamp::constant(1_763_719_200, 0),
            outside: None,
            speed: 1.0,
            seed: 0,
            directory: None,
            temporary: std::env::temp_dir(),
            runner: FunctionRunner::Nothing,
            schedules: true,
            era: Era::Today,
            users: Vec::new(),
            calls: None,
            events: None,
            invocations: None,
            beside: None,
        }
    }
}

impl World {
    /// Settings for a world to be.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// The SAM template's text. Without one there is an empty account.
    #[must_use]
    pub fn template(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.template);
        self
    }

    /// The stack's name (`AWS::StackName`); `local` unless set.
    #[must_use]
    pub fn stack_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.stack_name);
        self
    }

    /// In the same account as another world, whose S3, EC2 and SSM, clock and events are this one's, too. The stack has to have
    /// another name. What goes wrong is each world's own, and so are emails and logs; [`World::settle`] waits for its own
    /// functions only. What is kept in a directory is the other world's.
    #[must_use]
    pub fn beside(mut self, world: &World) -> Self {
        self.beside = Some(world.clone());
        self
    }

    /// A parameter of the stack.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Where the stack and its buckets are; us-east-1 unless set.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// The world's time at its start; 2025-11-21T10:00:00Z unless set.
    #[must_use]
    pub fn epoch(mut self, epoch: Timestamp) -> Self {
        self.epoch = epoch;
        self
    }

    /// The time outside at the world's start, for dates that clients compare with their own files (`LastModified`); the
    /// world's unless set. It differs in a world that is faster than real time, or was so in an earlier run.
    #[must_use]
    pub fn outside(mut self, now: Timestamp) -> Self {
        self.outside = Some(now);
        self
    }

    /// How many seconds of the world pass in one second outside; 1 unless set.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = speed;
        self
    }

    /// Where ids come from; 0 unless set.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Where the world is kept; a world on the same directory continues where the last one ended. `None`: a temporary
    /// directory that goes with the world.
    #[must_use]
    pub fn directory(mut self, directory: Option<&Path>) -> Self {
        self.directory = directory.map(Path::to_owned);
        self
    }

    /// Where the temporary directory is made; where the system has them unless set.
    #[must_use]
    pub fn temporary_in(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.temporary);
        self
    }

    /// How functions run; not at all unless set.
    #[must_use]
    pub fn functions(mut self, runner: FunctionRunner) -> Self {
        self.runner = runner;
        self
    }

    /// Whether schedules run; they do unless set. Tests may switch them off and invoke functions themselves.
    #[must_use]
    pub fn schedules(mut self, run: bool) -> Self {
        self.schedules = run;
        self
    }

    /// What EC2 still supports; today's unless set.
    #[must_use]
    pub fn era(mut self, era: Era) -> Self {
        self.era = era;
        self
    }

    /// A user with one managed policy of the stack, by its logical id: keys of its own, which [`World::iam`] returns.
    /// There is no such user if the stack has no such policy.
    #[must_use]
    pub fn user(mut self, name: &str, policy: &str) -> Self {
        self.users.push((name.to_owned(), policy.to_owned()));
        self
    }

    /// Who is shown each call, as soon as it has taken effect or was refused, and before anybody sees the answer.
    #[must_use]
    pub fn watch_calls(mut self, watcher: Watcher<Exchange>) -> Self {
        self.calls = Some(watcher);
        self
    }

    /// Who is shown each event of the world, before rules are asked about it.
    #[must_use]
    pub fn watch_events(mut self, watcher: Watcher<Event>) -> Self {
        self.events = Some(watcher);
        self
    }

    /// Who is shown each attempt to run a function, once it has ended.
    #[must_use]
    pub fn watch_invocations(mut self, watcher: Watcher<InvocationRecord>) -> Self {
        self.invocations = Some(watcher);
        self
    }

    /// Makes the stack's resources and starts whatever runs.
    ///
    /// # Errors
    /// The template, the directory, or what the template asks for.
    pub async fn start(self) -> Result<World, WorldError> {
        let deployment = Deployment {
            template: self.template.clone(),
            stack_name: self.stack_name.clone(),
            parameters: self.parameters.clone(),
        };
        let stack = deployment.stack(&self.region)?;
        check_destinations(&stack)?;
        check_concurrency(&stack)?;
        check_log_groups(&stack)?;
        let schedules = if self.schedules {
            expressions(&stack)?
        } else {
            Vec::new()
        };
        let directory = Directory::open(self.directory.as_deref(), &self.temporary)?;
        let stack = Arc::new(stack);
        let (services, events) = self.services(&directory, &stack)?;
        let services = Arc::new(services);
        make(&services, &stack, &self.region).await?;

        let http_client = client::http_client(&services, None);
        let (endpoint, endpoint_announced) = watch::channel(None);
        let lambda = Lambda::new(Parts {
            functions: stack.functions.clone(),
            runner: self.runner,
            http_client: http_client.clone(),
            clock: services.clock,
            ids: services.ids.clone(),
            region: self.region,
            activity: services.activity.clone(),
            callers: services.callers.clone(),
            endpoint: endpoint_announced,
            logs: directory.path().join("logs"),
            watcher: self.invocations,
        });
        let (barriers, barriers_asked) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(schedule_runner::pump(
            events,
            barriers_asked,
            Arc::clone(&stack),
            services.region.clone(),
            (lambda.clone(), services.deliveries.clone()),
            services.management.clone(),
            self.events,
        ));
        run_schedules(&mut tasks, schedules, &services, &lambda);
        let inner = Inner {
            services,
            lambda,
            deployment: Mutex::new(deployment),
            stack,
            http_client,
            barriers,
            endpoint,
            tasks: Mutex::new(Some(tasks)),
            directory,
            _beside: self.beside,
        };
        Ok(World {
            inner: Arc::new(inner),
        })
    }

    fn iam(&self, stack: &Stack) -> Result<Iam, WorldError> {
        let partition = template::partition(&self.region);
        Ok(Iam::new(stack, &self.stack_name, partition, &self.users)?)
    }

    /// The account that the world is in; `buckets` is the folder of those of a new one.
    fn account(&self, buckets: &Path, epoch: Timestamp) -> Result<Account, WorldError> {
        if let Some(world) = &self.beside {
            return Ok(Account::of(world));
        }
        let clock = Clock::new(epoch, self.speed).started_at(self.outside.unwrap_or(epoch));
        let account = Account::new(clock, Ids::new(self.seed), buckets, &self.region)?;
        account.ec2.set_era(self.era);
        Ok(account)
    }

    fn services(
        &self,
        directory: &Directory,
        stack: &Arc<Stack>,
    ) -> Result<(Services, mpsc::UnboundedReceiver<Event>), WorldError> {
        let made = |name: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(&path).map_err(|source| WorldError::Directory {
                path: path.clone(),
                source,
            })?;
            Ok::<PathBuf, WorldError>(path)
        };
        let mut state = None;
        let mut epoch = self.epoch;
        if self.directory.is_some() && self.beside.is_none() {
            let path = made("state")?;
            let files =
                StateFiles::open(&path).map_err(|source| WorldError::Directory { path, source })?;
            epoch = not_before(&files, epoch)?;
            state = Some(files);
        }
        let Account {
            s3,
            ec2,
            ssm,
            clock,
            ids,
            events,
        } = self.account(&made("s3")?, epoch)?;
        let sns = Sns::new(clock, ids.clone(), &made("mail")?);
        let sts = Sts::new(ids.clone());
        if let Some(files) = &state {
            load(files, "ec2", |saved| ec2.load(saved))?;
            load(files, "sns", |saved| sns.load(saved))?;
            load(files, "ssm", |saved| ssm.load(saved))?;
        }
        ec2.set_opted_in(&self.region, true);
        let place = Place {
            stack_name: self.stack_name.clone(),
            region: self.region.clone(),
            partition: template::partition(&self.region),
            created_at: epoch,
        };
        let management = Management::new(Arc::clone(stack), place, ids.clone());
        let logs = directory.path().join("logs");
        let logs = Logs::new(stack, &logs, &self.region, ids.clone());
        let services = Services {
            s3,
            ec2,
            sns,
            ssm,
            sts,
            logs,
            iam: self.iam(stack)?,
            management,
            imds: Imds::default(),
            faults: Faults::default(),
            deliveries: Deliveries::default(),
            callers: Callers::default(),
            activity: Activity::default(),
            clock,
            ids,
            region: self.region.clone(),
            state,
            watcher: self.calls.clone(),
        };
        Ok((services, events))
    }
}
