//! Descriptions of files.

use ansel::{FileInfo, Header, JpegInfo, Metadata};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::arrays::blocks_of;
use crate::files::About;

/// A description of a file. `file_bytes` and `coders` are None if only the header was read, `ideal_bits` if nothing was
/// decoded, and `jpeg_bytes` unless the file holds a JPEG file (whose metadata are inside it).
#[pyclass(name = "Info", module = "ansel", frozen, get_all)]
pub struct PyInfo {
    width: u32,
    height: u32,
    channels: usize,
    depth: u32,
    metadata: Py<PyDict>,
    version: u32,
    file_bytes: Option<u64>,
    coders: Option<Vec<String>>,
    ideal_bits: Option<f64>,
    jpeg_bytes: Option<u64>,
}

impl PyInfo {
    /// From a header.
    pub fn of_header(py: Python<'_>, header: &Header, metadata: &Metadata) -> PyResult<Self> {
        let ansel::ImageInfo { width, height, channels, depth } = header.info();
        let metadata = blocks_of(py, metadata)?.unbind();
        let version = header.version();
        let (file_bytes, coders, ideal_bits, jpeg_bytes) = (None, None, None, None);
        Ok(Self { width, height, channels, depth, metadata, version, file_bytes, coders, ideal_bits, jpeg_bytes })
    }

    /// From a whole file.
    pub fn of_file(py: Python<'_>, about: &About) -> PyResult<Self> {
        match about {
            About::Samples(info, ideal_bits) => Self::of_samples(py, info, *ideal_bits),
            About::Jpeg(info) => Ok(Self::of_jpeg(py, info)),
        }
    }

    fn of_jpeg(py: Python<'_>, info: &JpegInfo) -> Self {
        let &JpegInfo { width, height, components: channels, depth, jpeg_bytes, bytes, coder, .. } = info;
        let (metadata, coders) = (PyDict::new(py).unbind(), Some(vec![coder.to_owned()]));
        let (file_bytes, jpeg_bytes) = (Some(bytes), Some(jpeg_bytes));
        Self { width, height, channels, depth, metadata, version: 1, file_bytes, coders, ideal_bits: None, jpeg_bytes }
    }

    fn of_samples(py: Python<'_>, info: &FileInfo, ideal_bits: Option<f64>) -> PyResult<Self> {
        let mut coders = Vec::new();
        for part in info.bands.iter().flat_map(ansel::Band::parts) {
            let model = part.model.and_then(|(id, _)| ansel::models().iter().find(|model| model.id == id));
            let coder = match model {
                Some(model) => format!("{} {}", model.name, model.content_name()),
                None => part.coder.to_owned(),
            };
            if !coders.contains(&coder) {
                coders.push(coder);
            }
        }
        let header = Self::of_header(py, &info.header, &info.metadata)?;
        Ok(Self { file_bytes: Some(info.bytes), coders: Some(coders), ideal_bits, ..header })
    }
}

#[pymethods]
impl PyInfo {
    /// The shape of the array: (height, width) or (height, width, channels).
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut shape = vec![self.height as usize, self.width as usize];
        if self.channels > 1 {
            shape.push(self.channels);
        }
        PyTuple::new(py, shape)
    }

    fn __repr__(&self) -> String {
        let Self { width, height, channels, depth, .. } = self;
        format!("Info(width={width}, height={height}, channels={channels}, depth={depth})")
    }
}
