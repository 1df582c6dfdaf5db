//! Device names ("Device names for volumes on Amazon EC2 instances", EC2 User Guide).

/// The most ephemeral volumes an instance has, less one.
const LAST_EPHEMERAL: u32 = 23;

/// Whether an image of this virtualization type may have a device of this name, with or without `/dev/`.
pub(crate) fn is_device(name: &str, virtualization_type: &str) -> bool {
    let is_path = name.starts_with("/dev/");
    let name = name.strip_prefix("/dev/").unwrap_or(name);
    let paravirtual = virtualization_type == "paravirtual";
    if let Some(rest) = name.strip_prefix("xvd") {
        return is_xvd(rest.as_bytes(), is_path);
    }
    if let Some(rest) = name.strip_prefix("sd") {
        return matches!(rest, "a1" | "a2")
            || is_letter(rest)
            || (paravirtual && is_partition(rest));
    }
    let hd = name.strip_prefix("hd");
    paravirtual && hd.is_some_and(|rest| is_letter(rest) || is_partition(rest))
}

/// Whether this is `ephemeral0` to `ephemeral23`.
pub(crate) fn is_ephemeral(virtual_name: &str) -> bool {
    virtual_name
        .strip_prefix("ephemeral")
        .filter(|number| {
            !number.starts_with('+') && (number.len() == 1 || !number.starts_with('0'))
        })
        .and_then(|number| number.parse::<u32>().ok())
        .is_some_and(|number| number <= LAST_EPHEMERAL)
}

/// `/dev/xvd[a-d][a-x]` for Linux; without `/dev/`, and for Windows, two letters begin with `b` or `c`.
fn is_xvd(rest: &[u8], is_path: bool) -> bool {
    match rest {
        [letter] => letter.is_ascii_lowercase(),
        [b'a'..=b'd', b'a'..=b'x'] if is_path => true,
        [b'b' | b'c', letter] => letter.is_ascii_lowercase(),
        _ => false,
    }
}

fn is_letter(rest: &str) -> bool {
    matches!(rest.as_bytes(), [letter] if letter.is_ascii_lowercase())
}

/// A letter and a partition from 1 to 15.
fn is_partition(rest: &str) -> bool {
    let mut characters = rest.chars();
    let letter = characters
        .next()
        .is_some_and(|letter| letter.is_ascii_lowercase());
    let number = characters.as_str();
    letter
        && !number.starts_with(['0', '+'])
        && number
            .parse::<u8>()
            .is_ok_and(|partition| (1..=15).contains(&partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_both_virtualization_types() {
        for name in [
            "/dev/sda1",
            "/dev/xvda",
            "/dev/xvdba",
            "/dev/xvdda",
            "/dev/xvdax",
            "sdb",
            "xvdcz",
            "/dev/sda2",
        ] {
            assert!(is_device(name, "hvm"), "{name}");
        }
        for name in [
            "/dev/xvda1",
            "/dev/xvday",
            "/dev/xvdea",
            "/dev/sdb1",
            "/dev/hda",
            "xvdal",
            "/dev/nvme0n1",
            "sd",
            "",
            "/dev/sdaa",
        ] {
            assert!(!is_device(name, "hvm"), "{name}");
        }
        assert!(is_device("/dev/sdb15", "paravirtual"));
        assert!(is_device("/dev/hda1", "paravirtual"));
        assert!(!is_device("/dev/sdb16", "paravirtual"));
    }

    #[test]
    fn knows_ephemeral_volumes() {
        assert!(is_ephemeral("ephemeral0") && is_ephemeral("ephemeral23"));
        assert!(
            !is_ephemeral("ephemeral24")
                && !is_ephemeral("ephemeral01")
                && !is_ephemeral("ephemeral")
        );
    }
}
