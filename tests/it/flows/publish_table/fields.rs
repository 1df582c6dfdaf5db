//! Every publishing field, with the values that it is given. A new one is a row here, and its lines of the snapshot.

/// A field, and what is done with it.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// What the manifest says besides.
    pub(super) base: &'static str,
    /// The field.
    pub(super) with: &'static str,
    /// Another value of it.
    pub(super) changed: &'static str,
    /// What is there before.
    pub(super) before: Before,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// The AMI of an earlier version.
    Version,
    /// Before each change, a person grants the AMI to an account.
    Meddling,
    /// A bundle in a world of old, in which product codes are set.
    Bundle,
    /// Before each change, a person lets all parameters point to another AMI.
    Written,
    /// After each change, a person describes the AMI otherwise, and it is audited.
    Drift,
    /// In the end, and in worlds of their own, the manifest is deleted.
    Deletion,
}

const fn field(
    name: &'static str,
    base: &'static str,
    with: &'static str,
    changed: &'static str,
) -> Field {
    Field {
        name,
        base,
        with,
        changed,
        before: Before::Nothing,
    }
}

/// All of them. A new one is a line here, and the lines of the snapshot.
pub(super) const FIELDS: [Field; 31] = [
    field(
        "description",
        "",
        "description: Web tier\n",
        "description: Other\n",
    ),
    field(
        "tags",
        "",
        "tags: {team: web, cost: a}\n",
        "tags: {team: db}\n",
    ),
    field(
        "access.accounts",
        "",
        "access: {accounts: ['111122223333']}\n",
        "access: {accounts: ['444455556666']}\n",
    ),
    field(
        "access.organizations",
        "",
        "access: {organizations: ['arn:aws:organizations::111122223333:organization/o-exampleorgid']}\n",
        "access: {organizations: ['arn:aws:organizations::111122223333:organization/o-otherorgid1']}\n",
    ),
    field(
        "access.organizationalUnits",
        "",
        "access: {organizationalUnits: ['arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111']}\n",
        "access: {organizationalUnits: ['arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-22222222']}\n",
    ),
    field(
        "access.public",
        "",
        "access: {public: true}\n",
        "access: {public: false}\n",
    ),
    Field {
        before: Before::Meddling,
        ..field(
            "access.exact",
            "access: {accounts: ['111122223333']}\n",
            "access: {accounts: ['111122223333'], exact: true}\n",
            "access: {accounts: ['444455556666'], exact: true}\n",
        )
    },
    Field {
        before: Before::Meddling,
        ..field(
            "access.exact alone",
            "",
            "access: {exact: true}\n",
            "access: {exact: false}\n",
        )
    },
    field(
        "access.copy",
        "access: {accounts: ['111122223333']}\n",
        "access: {accounts: ['111122223333'], copy: true}\n",
        "access: {accounts: ['444455556666'], copy: true}\n",
    ),
    field(
        "access.accounts with copy",
        "",
        "access: {accounts: ['111122223333'], copy: true}\n",
        "access: {accounts: ['111122223333', '444455556666'], copy: true}\n",
    ),
    field(
        "deprecate.at",
        "",
        "deprecate: {at: 2027-06-01T00:00:00Z}\n",
        "deprecate: {at: 2027-05-01T00:00:00Z}\n",
    ),
    field(
        "deprecate.after",
        "",
        "deprecate: {after: 90d}\n",
        "deprecate: {after: 26w}\n",
    ),
    field(
        "deprecate.at of a public AMI",
        "access: {public: true}\n",
        "access: {public: true}\ndeprecate: {at: 2027-06-01T00:00:00Z}\n",
        "access: {public: true}\ndeprecate: {at: 2027-05-01T00:00:00Z}\n",
    ),
    field(
        "access.public of an AMI with deprecate.at",
        "deprecate: {at: 2027-06-01T00:00:00Z}\n",
        "deprecate: {at: 2027-06-01T00:00:00Z}\naccess: {public: true}\n",
        "deprecate: {at: 2027-07-01T00:00:00Z}\naccess: {public: true}\n",
    ),
    field(
        "protect",
        "",
        "protect: true\n",
        "protect: {cooldown: true}\n",
    ),
    field(
        "regions",
        "",
        "regions: {us-west-2: {}}\n",
        "regions: {eu-west-1: {}}\n",
    ),
    field(
        "settings in another Region",
        "regions: {us-west-2: {}}\n",
        "regions: {us-west-2: {}}\ndescription: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
         deprecate: {after: 90d}\nprotect: true\n",
        "regions: {us-west-2: {}}\ntags: {team: db}\naccess: {accounts: ['444455556666'], copy: true}\n",
    ),
    field(
        "regions.R.kmsKeyId",
        "regions: {us-west-2: {}}\n",
        "regions: {us-west-2: {kmsKeyId: 'arn:aws:kms:us-west-2:000000000000:key/11111111-0000-1111-2222-0123456789ab'}}\n",
        "regions: {us-west-2: {kmsKeyId: 'arn:aws:kms:us-west-2:000000000000:key/22222222-0000-1111-2222-0123456789ab'}}\n",
    ),
    field(
        "regions.R.required",
        "regions: {us-west-2: {}}\n",
        "regions: {us-west-2: {required: false}}\n",
        "regions: {us-west-2: {required: true}}\n",
    ),
    Field {
        before: Before::Version,
        ..field(
            "replaces.previous",
            "",
            "replaces: {previous: deprecate}\n",
            "replaces: {previous: deregister}\n",
        )
    },
    Field {
        before: Before::Version,
        ..field(
            "replaces.previous: keep",
            "",
            "replaces: {previous: keep}\n",
            "replaces: {previous: deprecate}\n",
        )
    },
    Field {
        before: Before::Version,
        ..field(
            "replaces.snapshots",
            "regions: {us-west-2: {}}\n",
            "regions: {us-west-2: {}}\nreplaces: {previous: deregister}\n",
            "regions: {us-west-2: {}}\nreplaces: {previous: deregister, snapshots: delete}\n",
        )
    },
    Field {
        before: Before::Version,
        ..field(
            "replaces.snapshots: delete",
            "regions: {us-west-2: {}}\n",
            "regions: {us-west-2: {}}\nreplaces: {previous: deregister, snapshots: delete}\n",
            "regions: {us-west-2: {}}\nreplaces: {previous: deregister, snapshots: keep}\n",
        )
    },
    Field {
        before: Before::Written,
        ..field(
            "parameters.takeOver",
            "regions: {us-west-2: {}}\nparameters: [/images/web]\n",
            "regions: {us-west-2: {}}\nparameters: [{name: /images/web, takeOver: true}]\n",
            "regions: {us-west-2: {}}\nparameters: [{name: /images/other, takeOver: true}]\n",
        )
    },
    field(
        "parameters",
        "regions: {us-west-2: {}}\n",
        "regions: {us-west-2: {}}\nparameters: [/images/web]\n",
        "regions: {us-west-2: {}}\nparameters: [/images/other]\n",
    ),
    Field {
        before: Before::Bundle,
        ..field(
            "productCodes",
            "",
            "productCodes: [774F4FF8]\n",
            "productCodes: [OTHER]\n",
        )
    },
    Field {
        before: Before::Deletion,
        ..field(
            "onDelete",
            "",
            "onDelete: deprecate\n",
            "onDelete: deregister\n",
        )
    },
    Field {
        before: Before::Deletion,
        ..field(
            "onDelete with snapshots: delete",
            "regions: {us-west-2: {}}\nonDelete: deregister\n",
            "regions: {us-west-2: {}}\nonDelete: deregister\nreplaces: {snapshots: delete}\n",
            "regions: {us-west-2: {}}\nonDelete: keep\n",
        )
    },
    field(
        "store",
        "",
        "store: {bucket: local-bucket}\n",
        "store: {bucket: local-archive}\n",
    ),
    field(
        "store.tags",
        "store: {bucket: local-bucket}\n",
        "store: {bucket: local-bucket, tags: {cost: a}}\n",
        "store: {bucket: local-bucket, tags: {cost: b}}\n",
    ),
    Field {
        before: Before::Drift,
        ..field(
            "repair",
            "description: Web\n",
            "description: Web\nrepair: true\n",
            "description: Web\nrepair: false\n",
        )
    },
];
