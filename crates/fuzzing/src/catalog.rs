//! A catalog of models: an accepted one contains only names that are valid for files, valid digests
//! and addresses, and reads the same after it was written.

use localcoder_model_store::Catalog;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let catalog = match Catalog::parse(text) {
        Ok(catalog) => catalog,
        Err(why) => return assert!(!why.is_empty()),
    };
    let written = serde_json::to_string(&catalog).expect("a catalog serializes");
    let again = Catalog::parse(&written).unwrap_or_else(|why| panic!("{written}: {why}"));
    assert_eq!(again, catalog);
    for (at, entry) in catalog.models.iter().enumerate() {
        let found = catalog.entry(&entry.id).expect("an entry has its id");
        assert!(std::ptr::eq(found, entry), "the entries {at} and another are `{}`", entry.id);
        let name = std::path::Path::new(&entry.id);
        assert_eq!(name.file_name(), Some(name.as_os_str()), "`{}` names no file", entry.id);
        assert_eq!(entry.sha256.len(), 64);
        assert!(!entry.urls().is_empty() && entry.bytes > 0);
        for host in entry.hosts() {
            assert!(!host.contains(['/', '?', '#', '@']), "`{host}` is not a host");
        }
    }
}
