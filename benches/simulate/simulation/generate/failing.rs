//! What goes wrong with calls, invocations and events.

use super::Generator;
use crate::simulation::script::{COPY_REGIONS, Event, Meant, Wrong, starts_work};

/// Rules that are switched off at times: of uploads, requests, ticks, sweeps, audits, states of AMIs, due markers.
const RULES: [&str; 7] = [
    "RegisterImageManifest",
    "RegisterImageRequest",
    "AdvanceTasksAdvance",
    "AdvanceTasksSweep",
    "AdvanceTasksAudit",
    "AdvanceTasksImageStateChange",
    "NotifyDue",
];

/// Actions that storms are about.
const ACTIONS: [(&str, &str); 26] = [
    ("ec2", "DescribeImages"),
    ("ec2", "DescribeSnapshots"),
    ("ec2", "DescribeImageAttribute"),
    ("ec2", "DescribeImageReferences"),
    ("ec2", "RegisterImage"),
    ("ec2", "ImportSnapshot"),
    ("ec2", "ImportImage"),
    ("ec2", "CopyImage"),
    ("ec2", "CreateRestoreImageTask"),
    ("ec2", "CreateStoreImageTask"),
    ("ec2", "BundleInstance"),
    ("ec2", "CreateTags"),
    ("ec2", "ModifyImageAttribute"),
    ("ec2", "ModifySnapshotAttribute"),
    ("ec2", "EnableImageDeprecation"),
    ("ec2", "EnableImageDeregistrationProtection"),
    ("ec2", "DeregisterImage"),
    ("ec2", "DeleteSnapshot"),
    ("s3", "PutObject"),
    ("s3", "GetObject"),
    ("s3", "HeadObject"),
    ("s3", "ListObjectsV2"),
    ("s3", "DeleteObject"),
    ("sns", "Publish"),
    ("ssm", "PutParameter"),
    ("ssm", "GetParameters"),
];

/// Actions of the functions that a policy refuses by name at times.
const DENIED: [(&str, &str); 36] = [
    ("ec2", "BundleInstance"),
    ("ec2", "CancelImportTask"),
    ("ec2", "CopyImage"),
    ("ec2", "CreateRestoreImageTask"),
    ("ec2", "CreateStoreImageTask"),
    ("ec2", "CreateTags"),
    ("ec2", "DeleteSnapshot"),
    ("ec2", "DeleteTags"),
    ("ec2", "DeregisterImage"),
    ("ec2", "DescribeImageAttribute"),
    ("ec2", "DescribeImageReferences"),
    ("ec2", "DescribeImages"),
    ("ec2", "DescribeImportImageTasks"),
    ("ec2", "DescribeImportSnapshotTasks"),
    ("ec2", "DescribeRegions"),
    ("ec2", "DescribeSnapshotAttribute"),
    ("ec2", "DescribeSnapshots"),
    ("ec2", "DescribeStoreImageTasks"),
    ("ec2", "DisableImageDeprecation"),
    ("ec2", "DisableImageDeregistrationProtection"),
    ("ec2", "EnableImageDeprecation"),
    ("ec2", "EnableImageDeregistrationProtection"),
    ("ec2", "GetEbsDefaultKmsKeyId"),
    ("ec2", "GetEbsEncryptionByDefault"),
    ("ec2", "GetImageBlockPublicAccessState"),
    ("ec2", "ImportImage"),
    ("ec2", "ImportSnapshot"),
    ("ec2", "ModifyImageAttribute"),
    ("ec2", "ModifySnapshotAttribute"),
    ("ec2", "RegisterImage"),
    ("s3", "DeleteObject"),
    ("s3", "PutObjectAcl"),
    ("sns", "Publish"),
    ("ssm", "GetParameterHistory"),
    ("ssm", "GetParameters"),
    ("ssm", "PutParameter"),
];

impl Generator {
    fn wrong(&mut self) -> Wrong {
        let seconds = self.pick(&[5, 30, 70, 900]);
        self.pick(&[
            Wrong::Throttled,
            Wrong::AnswerLost,
            Wrong::AnswerLost,
            Wrong::CrashAfter,
            Wrong::CrashAfter,
            Wrong::CrashBefore,
            Wrong::Slow(seconds),
            Wrong::InternalError,
        ])
    }

    pub(super) fn fail(&mut self) -> Event {
        let (later, fault) = (1 + self.random.u64(..60), self.wrong());
        Event::Fail { later, fault }
    }

    pub(super) fn storm(&mut self) -> Event {
        let (service, action) = self.pick(&ACTIONS);
        let action = || Meant::Action(service.to_owned(), action.to_owned());
        let region = self.random.usize(1..=COPY_REGIONS.len());
        let what = match self.random.u32(..10) {
            0 => Meant::Region(region),
            1 => Meant::Service("sns".to_owned()),
            2 => Meant::Service("ssm".to_owned()),
            3 => Meant::Service("ec2".to_owned()),
            4 => Meant::Service("s3".to_owned()),
            _ => action(),
        };
        let slow = self.pick(&[3, 20, 70]);
        let fault = self.pick(&[
            Wrong::Throttled,
            Wrong::Throttled,
            Wrong::Unavailable,
            Wrong::InternalError,
            Wrong::AnswerLost,
            Wrong::Slow(slow),
            Wrong::Denied,
        ]);
        let fault = match &what {
            Meant::Action(_, action) if starts_work(action) && self.chance(25) => {
                Wrong::LimitExceeded
            }
            _ => fault,
        };
        let seconds = self.pick(&[5, 40, 130, 900, 5_000, 20_000]);
        Event::Storm {
            what,
            fault,
            seconds,
        }
    }

    /// Somebody's policy refuses one action for a while, in all Regions.
    pub(super) fn denial(&mut self) -> Event {
        let (service, action) = self.pick(&DENIED);
        let seconds = self.pick(&[130, 900, 1_800, 5_000, 20_000]);
        Event::Storm {
            what: Meant::Action(service.to_owned(), action.to_owned()),
            fault: Wrong::Denied,
            seconds,
        }
    }

    /// EC2 does not show snapshots for a while: not for so long, also several times in a row, that they count as gone.
    pub(super) fn hide_snapshots(&mut self) -> Event {
        let seconds = self.pick(&[20, 90, 200, 280]);
        let (key, region) = (self.key(), self.region());
        Event::HideSnapshots {
            key,
            region,
            seconds,
        }
    }

    /// EC2 does not list AMIs for a while: not for so long, also several times in a row, that they count as gone.
    pub(super) fn hide_images(&mut self) -> Event {
        let seconds = self.pick(&[20, 90, 200, 280]);
        let (key, region) = (self.key(), self.region());
        Event::HideImages {
            key,
            region,
            only_settings: false,
            seconds,
        }
    }

    pub(super) fn kill(&mut self) -> Event {
        let (later, polls) = (1 + self.random.u64(..4), 1 + self.random.u64(..90));
        Event::Kill { later, polls }
    }

    pub(super) fn deliver(&mut self) -> Event {
        let late = |it: &mut Self| it.pick(&[0, 1, 7, 40, 65, 130, 700]);
        let delays = match self.random.u32(..4) {
            0 => Vec::new(),
            1 => vec![late(self)],
            2 => vec![0, late(self)],
            _ => vec![0, 0, late(self)],
        };
        let (tick, later) = (self.chance(50), 1 + self.random.u64(..4));
        Event::Deliver {
            tick,
            later,
            delays,
        }
    }

    pub(super) fn ahead(&mut self) -> Event {
        let seconds = self.pick(&[-120, -61, -5, 3, 30, 119, 0]);
        Event::Ahead { seconds }
    }

    pub(super) fn rule_off(&mut self) -> Event {
        let rule = self.pick(&RULES).to_owned();
        Event::RuleOff { rule }
    }
}
