//! The cases.

use super::case::{Case, Then};
use super::{however_late_reads_are, whatever_goes_wrong_once};

const SETTINGS: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\n";
const OTHERS: &str = "tags: {cost: a}\naccess: {accounts: ['444455556666'], copy: true}\n\
                      deprecate: {at: 2027-05-01T00:00:00Z}\nprotect: {cooldown: true}\n";
const PUBLIC: &str = "access: {public: true}\n";
const REPLACES: &str = "replaces: {previous: deregister, snapshots: delete}\n";
const RELEASED: &str = "parameters: [/images/web]\n";
const MOVED: &str = "parameters: [/images/web]\nreplaces: {previous: deregister}\n";
const KEPT: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                    deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\nparameters: [/images/web]\n";
const REPAIRED: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\nrepair: true\n\
                        parameters: [{name: /images/web, takeOver: true}]\n";

const DEPRECATES: &str = "replaces: {previous: deprecate}\n";
const KEPT_SNAPSHOTS: &str =
    "access: {accounts: ['111122223333'], copy: true}\nonDelete: deregister\n";
const DELETED_SNAPSHOTS: &str = "access: {accounts: ['111122223333'], copy: true}\n\
                                 onDelete: deregister\nreplaces: {snapshots: delete}\n";
const DEPRECATED: &str = "onDelete: deprecate\n";
const STORED: &str = "store: {bucket: local-bucket}\n";
const DEREGISTERS: &str = "replaces: {previous: deregister}\n";
const SHARED: &str = "access: {accounts: ['111122223333'], copy: true}\nprotect: true\n\
                      replaces: {previous: deregister}\n";
const GRANTS: &str = "access: {accounts: ['111122223333'], copy: true}\n";
const EXACT: &str = "access: {accounts: ['111122223333'], copy: true, exact: true}\n";
const CODED: &str = "productCodes: [774F4FF8]\naccess: {accounts: ['111122223333']}\n";

macro_rules! cases {
    ($how:ident: $($name:ident: $before:expr, $then:expr, $notice:literal;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let case = Case {
                    before: $before,
                    then: $then,
                    notice: $notice,
                };
                $how(case).await;
            }
        )*
    };
}

cases! {
    whatever_goes_wrong_once:
    an_ami_is_published: None, Then::Asked(SETTINGS), "Available";
    settings_are_added: Some(""), Then::Asked(SETTINGS), "Changed";
    settings_are_changed: Some(SETTINGS), Then::Asked(OTHERS), "Changed";
    settings_are_removed: Some(SETTINGS), Then::Asked(""), "Changed";
    an_ami_becomes_public: Some(""), Then::Asked(PUBLIC), "Changed";
    an_ami_replaces_another: Some(""), Then::Newer(REPLACES), "Previous AMIs retired";
    parameters_are_set: None, Then::Asked(RELEASED), "Available";
    parameters_are_added: Some(""), Then::Asked(RELEASED), "Changed";
    parameters_are_moved: Some(RELEASED), Then::Newer(MOVED), "Available";
    what_others_changed_is_told: Some(KEPT), Then::Audited, "Drifted";
    what_others_changed_is_repaired: Some(REPAIRED), Then::Audited, "Repaired";
    an_ami_is_deprecated_for_another: Some(""), Then::Newer(DEPRECATES), "Previous AMIs retired";
    an_ami_is_stored: Some(""), Then::Asked(STORED), "Changed";
    an_ami_gets_a_product_code: Some(""), Then::Sold(CODED), "Changed";
    a_manifest_is_removed_and_the_ami_deprecated: Some(DEPRECATED), Then::Removed, "Manifest removed";
    a_manifest_is_removed_and_the_snapshots_deleted: Some(DELETED_SNAPSHOTS), Then::RemovedOwn, "Manifest removed";
    a_manifest_is_removed_and_the_snapshots_kept: Some(KEPT_SNAPSHOTS), Then::Removed, "Manifest removed";
    an_ami_of_the_same_name_goes_first: Some(DEREGISTERS), Then::SameName(DEREGISTERS), "Available";
    an_ami_of_the_same_name_goes_first_and_its_copies_then: Some(SHARED), Then::SameNames(SHARED), "Available";
    the_bundle_of_an_ami_is_overwritten: Some(""), Then::Overwritten(""), "Available";
    a_bundle_without_a_manifest_is_overwritten: None, Then::OverwrittenBare, "Available";
    an_ami_is_copied_under_a_key_of_each_region: None, Then::Keyed(SETTINGS), "Available";
    a_region_that_is_not_required_is_disabled: None, Then::Disabled(RELEASED), "Incomplete";
    a_region_that_is_not_required_cannot_use_its_key: None, Then::Unusable(RELEASED), "Incomplete";
    a_copy_fails_and_its_remains_are_deleted: None, Then::Failing(RELEASED), "Available";
    what_was_granted_by_hand_is_revoked: Some(GRANTS), Then::LetIn(EXACT), "Changed";
    a_parameter_is_somebodys: None, Then::Conflict(RELEASED), "Incomplete";
    a_parameter_was_set_back_by_somebody: Some(RELEASED), Then::NewerConflict(MOVED), "Incomplete";
}

cases! {
    however_late_reads_are:
    an_ami_is_published_while_reads_are_late: None, Then::Asked(KEPT), "Available";
    settings_are_changed_while_reads_are_late: Some(SETTINGS), Then::Asked(OTHERS), "Changed";
    settings_are_removed_while_reads_are_late: Some(SETTINGS), Then::Asked(""), "Changed";
    what_was_granted_by_hand_is_revoked_while_reads_are_late: Some(GRANTS), Then::LetIn(EXACT), "Changed";
    parameters_are_moved_while_reads_are_late: Some(RELEASED), Then::Newer(MOVED), "Available";
    an_ami_replaces_another_while_reads_are_late: Some(SHARED), Then::Newer(SHARED), "Previous AMIs retired";
    an_ami_of_the_same_name_goes_first_while_reads_are_late: Some(SHARED), Then::SameNames(SHARED), "Available";
    a_manifest_is_removed_while_reads_are_late: Some(DELETED_SNAPSHOTS), Then::RemovedOwn, "Manifest removed";
}
