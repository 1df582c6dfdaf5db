use super::*;

const MIB: usize = 1 << 20;

/// A file of this size that has these bytes at these places, and zeros elsewhere.
fn file(size: usize, marks: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (at, mark) in marks {
        bytes[*at..at + mark.len()].copy_from_slice(mark);
    }
    bytes
}

/// What is wrong, for one who has read only the two ends of the object.
fn judged(expected: Expected, file: &[u8]) -> Option<Problem> {
    let head = &file[..file.len().min(usize::try_from(HEAD_BYTES).unwrap())];
    let tail = &file[file
        .len()
        .saturating_sub(usize::try_from(TAIL_BYTES).unwrap())..];
    judge(expected, file.len() as u64, head, tail).err()
}

fn said(expected: Expected, file: &[u8]) -> String {
    let problem = judged(expected, file).unwrap();
    assert_eq!(problem.rule.as_deref(), Some(RULE), "{problem}");
    let hint = problem.hint.as_deref().unwrap();
    // The format that a hint names first is the one that the object has.
    for format in [
        Expected::Vmdk,
        Expected::Vhd,
        Expected::Vhdx,
        Expected::Ova,
        Expected::Raw,
    ] {
        let named = format!("set `format: {}`", format.as_ec2().to_lowercase());
        let before = hint.split(&named).next().unwrap_or_default();
        if hint.contains(&named) && !before.contains("convert") {
            assert_eq!(judged(format, file), None, "{problem}");
        }
    }
    problem.to_string()
}

fn vmdk() -> Vec<u8> {
    file(MIB, &[(0, b"KDMV")])
}

fn descriptor() -> Vec<u8> {
    file(
        512,
        &[(
            0,
            b"# Disk DescriptorFile\nversion=1\nRW 2 FLAT \"web-flat.vmdk\" 0",
        )],
    )
}

fn fixed_vhd() -> Vec<u8> {
    file(MIB + 512, &[(510, b"\x55\xaa"), (MIB, b"conectix")])
}

fn dynamic_vhd() -> Vec<u8> {
    file(MIB, &[(0, b"conectix"), (MIB - 512, b"conectix")])
}

fn vhdx() -> Vec<u8> {
    file(MIB, &[(0, b"vhdxfile")])
}

fn ova() -> Vec<u8> {
    file(10_240, &[(0, b"web.ovf"), (257, b"ustar")])
}

fn raw() -> Vec<u8> {
    file(MIB, &[(510, b"\x55\xaa"), (512, b"EFI PART")])
}

#[test]
fn files_of_the_expected_format_pass() {
    let esx = file(MIB, &[(0, b"COWD")]);
    for (expected, file) in [
        (Expected::Vmdk, vmdk()),
        (Expected::Vmdk, esx),
        (Expected::Vhd, fixed_vhd()),
        (Expected::Vhd, dynamic_vhd()),
        (Expected::Vhdx, vhdx()),
        (Expected::Ova, ova()),
        (Expected::Raw, raw()),
        (Expected::Stored, b"x".to_vec()),
        // The format of stored images is not documented.
        (Expected::Stored, ova()),
        (Expected::Stored, file(100, &[(0, b"\x28\xb5\x2f\xfd")])),
    ] {
        assert_eq!(judged(expected, &file), None, "{expected:?}");
    }
}

#[test]
fn every_wrong_format_is_named() {
    let all = [
        (Expected::Vmdk, vmdk()),
        (Expected::Vhd, fixed_vhd()),
        (Expected::Vhdx, vhdx()),
        (Expected::Ova, ova()),
    ];
    for (expected, _) in &all {
        for (is, file) in &all {
            assert_eq!(judged(*expected, file).is_none(), expected == is);
        }
        assert!(said(*expected, &raw()).contains("`format: raw`"));
    }
    for (is, file) in &all {
        let format = format!("`format: {}`", is.as_ec2().to_lowercase());
        assert!(said(Expected::Raw, file).contains(&format), "{is:?}");
    }
    assert_eq!(
        said(Expected::Vmdk, &dynamic_vhd()),
        "the object is not a VMDK disk: it is a VHD disk (set `format: vhd` in source.disk or source.vm; \
         or convert it: `qemu-img convert -O vmdk -o subformat=streamOptimized FILE NEW-FILE`)"
    );
    assert!(said(Expected::Stored, &vmdk()).contains("it was not stored by EC2"));
    // What is no whole disk is not called one.
    let beginning = said(Expected::Raw, &vhdx()[..1024]);
    assert!(
        beginning.contains("it is the beginning of a VHDX disk"),
        "{beginning}"
    );
    let text = said(Expected::Vmdk, &[b'x'; 1000]);
    assert!(!text.contains("format: raw"), "{text}");
}

#[test]
fn a_vmdk_descriptor_is_not_a_disk() {
    for expected in [Expected::Vmdk, Expected::Raw, Expected::Stored] {
        let said = said(expected, &descriptor());
        assert!(said.contains("whose data is in another file"), "{said}");
    }
    assert!(
        said(Expected::Vmdk, &descriptor())
            .contains("qemu-img convert -O vmdk -o subformat=streamOptimized")
    );
}

#[test]
fn unsupported_formats_are_named_with_a_fix() {
    let cases: [(usize, &[u8], &str); 10] = [
        (0, b"QFI\xfb", "qemu-img convert -O raw"),
        (64, b"\x7f\x10\xda\xbe", "qemu-img convert -O raw"),
        (0, b"\x1f\x8b\x08", "gunzip"),
        (0, b"BZh9", "bunzip2"),
        (0, b"\xfd7zXZ\0", "unxz"),
        (0, b"\x28\xb5\x2f\xfd", "unzstd"),
        (0, b"PK\x03\x04", "unzip"),
        (0, b"\x04\x22\x4d\x18", "unlz4"),
        (0, b"\x02\x21\x4c\x18", "unlz4"),
        // xz --format=lzma: a dictionary of 8 MiB, and no size.
        (
            0,
            b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0",
            "unlzma",
        ),
    ];
    for (at, magic, remedy) in cases {
        let said = said(Expected::Raw, &file(MIB, &[(at, magic)]));
        assert!(said.contains(remedy), "{said}");
    }
}

#[test]
fn a_disk_that_begins_like_lzma_is_still_a_disk() {
    // The first byte of a boot sector is any.
    let disk = file(
        MIB,
        &[(0, b"\x5d\x34\x12\x80\x07\x01\x02\x03\x04\x05\x06\x07\x08")],
    );
    assert_eq!(judged(Expected::Raw, &disk), None);
}

#[test]
fn impossible_sizes_are_refused() {
    let all = [
        Expected::Vmdk,
        Expected::Vhd,
        Expected::Vhdx,
        Expected::Raw,
        Expected::Ova,
        Expected::Stored,
    ];
    for expected in all {
        assert!(said(expected, b"").starts_with("the object is empty"));
    }
    assert!(said(Expected::Vmdk, b"KDMV").contains("a VMDK disk has at least 512"));
    assert!(said(Expected::Vhdx, b"vhdxfile").contains("at least 65536"));
    assert!(said(Expected::Raw, &raw()[1..]).contains("not a multiple of 512"));
    assert_eq!(judge(Expected::Raw, 64 << 40, &[], &[]), Ok(()));
    let problem = judge(Expected::Raw, (64 << 40) + 512, &[], &[]).unwrap_err();
    assert!(problem.message.contains("the largest EBS volume"));
}

#[test]
fn formats_have_ec2s_names() {
    let name = |expected: Expected| expected.as_ec2();
    assert_eq!(name(DiskFormat::Vmdk.into()), "VMDK");
    assert_eq!(name(DiskFormat::Vhd.into()), "VHD");
    assert_eq!(name(DiskFormat::Raw.into()), "RAW");
    assert_eq!(name(VmFormat::Ova.into()), "OVA");
    assert_eq!(name(VmFormat::Vmdk.into()), "VMDK");
    assert_eq!(name(VmFormat::Vhd.into()), "VHD");
    assert_eq!(name(VmFormat::Vhdx.into()), "VHDX");
    assert_eq!(name(VmFormat::Raw.into()), "RAW");
}
