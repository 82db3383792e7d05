//! What can be tested within a process that must stay who it is; `tests/black_box/privileges.rs` tests the rest.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};

use super::*;

const SOMEBODY: Identity = Identity { user: 10_001, group: 10_001 };

#[test]
fn users_are_named_by_number() {
    assert_eq!("10001:10002".parse(), Ok(Identity { user: 10_001, group: 10_002 }));
    assert_eq!("10001".parse(), Ok(SOMEBODY));
    assert_eq!("0:0".parse::<Identity>().map(Identity::is_root), Ok(true));
    for bad in ["", ":", "nobody", "1:", ":1", "+1", "-1", "1:2:3", " 1", "4294967295", "4294967296"] {
        assert_eq!(bad.parse::<Identity>(), Err(Refused), "{bad}");
    }
}

#[test]
fn the_folder_and_what_root_left_in_it_are_given_and_nothing_else() {
    if !is_root() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("data");
    fs::create_dir_all(folder.join("copies")).unwrap();
    for file in ["data/ovth.redb", "data/copies/one.redb", "data/somebodys", "secret"] {
        fs::write(outside.path().join(file), "x").unwrap();
    }
    lchown(folder.join("somebodys"), Some(1_234), Some(1_234)).unwrap();
    symlink(outside.path().join("secret"), folder.join("link")).unwrap();
    fs::write(outside.path().join("roots"), "x").unwrap();
    fs::hard_link(outside.path().join("roots"), folder.join("second-name")).unwrap();
    fs::create_dir_all(outside.path().join("elsewhere/inner")).unwrap();
    symlink(outside.path().join("elsewhere"), folder.join("way-out")).unwrap();
    own(&folder, SOMEBODY).unwrap();
    let owner = |path: &str| fs::symlink_metadata(outside.path().join(path)).unwrap().uid();
    for given in ["data", "data/ovth.redb", "data/copies", "data/copies/one.redb"] {
        assert_eq!(owner(given), SOMEBODY.user, "{given}");
    }
    for left in ["secret", "data/link", "roots", "elsewhere", "elsewhere/inner"] {
        assert_eq!(owner(left), 0, "{left}");
    }
    assert_eq!(owner("data/somebodys"), 1_234);
    own(&folder, SOMEBODY).unwrap();
    let made = outside.path().join("new/data");
    own(&made, SOMEBODY).unwrap();
    assert_eq!((owner("new/data"), owner("new")), (SOMEBODY.user, 0));
    assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_root_of_the_file_system_and_files_are_no_data_folders() {
    assert!(matches!(own(std::path::Path::new("/"), SOMEBODY), Err(FolderError::Root)));
    assert!(matches!(own(std::path::Path::new("/tmp/.."), SOMEBODY), Err(FolderError::Root)));
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(own(file.path(), SOMEBODY), Err(FolderError::NoFolder(_))));
    assert!(matches!(writable(file.path(), "ovth.redb"), Err(FolderError::NoFolder(_))));
}

#[test]
fn a_folder_that_is_missing_is_made_for_its_owner_only() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("data");
    writable(&folder, "ovth.redb").unwrap();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    writable(&folder, "ovth.redb").unwrap();
}
