//! Sets the linker up for a Node addon.

fn main() {
    napi_build::setup();
    // A worker thread that ends unloads the addons that it alone has loaded. The instances of this
    // one belong to the process, so it stays.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
