//! Names of block devices, as EC2 takes them (EC2 User Guide, "Device names for volumes").

/// Whether an HVM image may have this device: `/dev/sd[a-z]`, `/dev/sda1`, `/dev/sda2`, `/dev/xvd[a-z]`,
/// `/dev/xvd[a-d][a-x]`, and for Windows `xvd[b-z]`.
#[must_use]
pub(crate) fn is_hvm_name(name: &str) -> bool {
    let Some(name) = name.strip_prefix("/dev/") else {
        return matches!(name.as_bytes(), [b'x', b'v', b'd', b'b'..=b'z']);
    };
    match name.as_bytes() {
        [b's', b'd', rest @ ..] => matches!(rest, [b'a'..=b'z'] | [b'a', b'1' | b'2']),
        [b'x', b'v', b'd', rest @ ..] => {
            matches!(rest, [b'a'..=b'z'] | [b'a'..=b'd', b'a'..=b'x'])
        }
        _ => false,
    }
}

/// Whether a paravirtual image may have this device: `/dev/sd[a-z]` and `/dev/hd[a-z]`, each also with 1 to 15 behind.
#[must_use]
pub(crate) fn is_paravirtual_name(name: &str) -> bool {
    let rest = name
        .strip_prefix("/dev/sd")
        .or_else(|| name.strip_prefix("/dev/hd"));
    let letter_alone = |rest: &[u8]| matches!(rest, [b'a'..=b'z']);
    let numbered = |rest: &[u8]| {
        matches!(
            rest,
            [b'a'..=b'z', b'1'..=b'9'] | [b'a'..=b'z', b'1', b'0'..=b'5']
        )
    };
    rest.map(str::as_bytes)
        .is_some_and(|rest| letter_alone(rest) || numbered(rest))
}

/// The name that was probably meant, by the end of what was given: a shell on Windows makes
/// `C:/Program Files/Git/dev/sda1` of `/dev/sda1`. None unless `is_name` takes it.
#[must_use]
pub(crate) fn probable_name(given: &str, is_name: impl Fn(&str) -> bool) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next()?;
    let name = format!("/dev/{}", last.to_ascii_lowercase());
    (name != given && is_name(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_guide() {
        for name in [
            "/dev/sda",
            "/dev/sdz",
            "/dev/sda1",
            "/dev/sda2",
            "/dev/xvda",
            "/dev/xvdz",
            "/dev/xvdaa",
            "/dev/xvdda",
            "/dev/xvddx",
            "xvdb",
            "xvdz",
        ] {
            assert!(is_hvm_name(name), "{name}");
        }
        for name in [
            "",
            "/dev/",
            "/dev/sd",
            "/dev/sda3",
            "/dev/sdaa",
            "/dev/xvdal1",
            "/dev/xvday",
            "/dev/xvdea",
            "/dev/xvda1",
            "xvda",
            "xvdba",
            "sda1",
            "/dev/nvme0n1",
            "/dev/hda",
        ] {
            assert!(!is_hvm_name(name), "{name}");
        }
        for name in ["/dev/sda", "/dev/sda1", "/dev/sdz15", "/dev/hdc3"] {
            assert!(is_paravirtual_name(name), "{name}");
        }
        for name in ["/dev/sda0", "/dev/sda16", "/dev/xvda", "sda1"] {
            assert!(!is_paravirtual_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_suggested_is_a_name() {
        let meant = |given: &str| probable_name(given, is_hvm_name);
        for given in [
            "C:/Program Files/Git/dev/sda1",
            "sda1",
            "\\dev\\sda1",
            "dev/sda1",
            "/DEV/SDA1",
        ] {
            assert_eq!(meant(given).as_deref(), Some("/dev/sda1"), "{given}");
        }
        for given in ["C:/Program Files", "nvme0n1", "/dev/sda1", "", "/dev/sda3"] {
            assert_eq!(meant(given), None, "{given}");
        }
    }
}
