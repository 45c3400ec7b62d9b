//! The extension module `ansel._ansel`: the library's codec, streams and archives as Python classes. The package's
//! `__init__.py` wraps them in functions.

mod arrays;
mod codec;
mod errors;
mod files;
mod info;
mod input;
mod options;
mod streams;
mod work;

/// The content of the module.
#[pyo3::pymodule]
mod _ansel {
    #[pymodule_export]
    use super::codec::PyCodec;
    #[pymodule_export]
    use super::info::PyInfo;
    #[pymodule_export]
    use super::options::instructions;
    #[pymodule_export]
    use super::streams::{PyArchive, PyDecoder, PyEncoder};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        super::errors::add_to(module)
    }
}
