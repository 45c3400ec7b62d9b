//! The class `Codec`: arrays and image files to bytes, and back.

use ansel::{Error, Rect, Transforms, Verify};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::{Layout, array_of, metadata_of, planes_of};
use crate::files;
use crate::info::PyInfo;
use crate::input::{self, FileObject};
use crate::options::{Model, Options, Shared, device_of, level_of, limits_of};
use crate::streams::{PyArchive, PyDecoder, PyEncoder};
use crate::work::interruptible;

/// Compresses and decompresses. A codec keeps models, sessions and threads: make one, and use it from all threads.
#[pyclass(name = "Codec", module = "ansel", frozen)]
pub struct PyCodec(Shared);

#[pymethods]
impl PyCodec {
    #[new]
    #[pyo3(signature = (*, effort=None, model=None, transforms=true, verify=true, threads=0, device="auto", limits=None))]
    fn new(
        effort: Option<&Bound<'_, PyAny>>,
        model: Option<Model>,
        transforms: bool,
        verify: bool,
        threads: usize,
        device: &str,
        limits: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Shared::new(Options {
            level: effort.map(level_of).transpose()?.unwrap_or_default(),
            model: model.map(Into::into),
            transforms: if transforms { Transforms::All } else { Transforms::None },
            verify: if verify { Verify::Full } else { Verify::None },
            threads,
            device: device_of(device)?,
            limits: limits_of(limits)?,
        })
        .map(Self)
    }

    /// Compresses an array to the bytes of a file.
    #[pyo3(signature = (image, *, depth=None, layout=Layout::Interleaved, metadata=None))]
    fn encode<'py>(
        &self,
        image: &Bound<'py, PyAny>,
        depth: Option<u32>,
        layout: Layout,
        metadata: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let py = image.py();
        let (planes, metadata) = (planes_of(image, depth, layout)?, metadata_of(metadata)?);
        let (codec, stop) = self.0.codec()?;
        let bytes = interruptible(py, &stop, || codec.compress(&planes, &metadata))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Decompresses a file, or a rectangle (x, y, width, height) of it, to an array.
    #[pyo3(signature = (source, *, region=None, layout=Layout::Interleaved))]
    fn decode<'py>(
        &self,
        source: &Bound<'py, PyAny>,
        region: Option<(u32, u32, u32, u32)>,
        layout: Layout,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = source.py();
        let input = input::open(source)?;
        let (codec, stop) = self.0.codec()?;
        let planes = interruptible(py, &stop, || match region {
            Some((x, y, width, height)) => codec.open(input)?.region(Rect { x, y, width, height }),
            None => files::decode(&codec, input),
        })?;
        array_of(py, planes, layout)
    }

    /// Describes a file, without decoding samples.
    fn info(&self, source: &Bound<'_, PyAny>) -> PyResult<PyInfo> {
        let input = input::open(source)?;
        let (codec, stop) = self.0.codec()?;
        let about = interruptible(source.py(), &stop, || files::about(&codec, input))?;
        PyInfo::of_file(source.py(), &about)
    }

    /// Decodes a file and discards the samples; raises an exception unless the file is intact.
    fn verify(&self, source: &Bound<'_, PyAny>) -> PyResult<PyInfo> {
        let input = input::open(source)?;
        let (codec, stop) = self.0.codec()?;
        let about = interruptible(source.py(), &stop, || files::verify(&codec, input))?;
        PyInfo::of_file(source.py(), &about)
    }

    /// Compresses an image file; returns the bytes of an ansel file, and the names of what is not kept. With a file
    /// object as target, writes the bytes to it instead of returning them.
    #[pyo3(signature = (source, target=None, *, strip=false, allow_lossy_source=false))]
    fn compress_file<'py>(
        &self,
        source: &Bound<'py, PyAny>,
        target: Option<Py<PyAny>>,
        strip: bool,
        allow_lossy_source: bool,
    ) -> PyResult<(Option<Bound<'py, PyBytes>>, Vec<String>)> {
        let py = source.py();
        let mut input = input::open(source)?;
        let (codec, stop) = self.0.codec()?;
        let limits = &self.0.options.limits;
        let (bytes, not_kept) = interruptible(py, &stop, || {
            if !allow_lossy_source && files::is_jpeg(&mut input)? {
                return written_to(target, |output| files::compress_jpeg(&codec, input, strip, output));
            }
            let reader = ansel::open_image(input, limits)?;
            match (reader.lossy_source(), allow_lossy_source) {
                (Some(source), false) => Err(lossy_source(source)),
                _ => written_to(target, |output| files::compress(&codec, reader, strip, output)),
            }
        })?;
        Ok((bytes.map(|bytes| PyBytes::new(py, &bytes)), not_kept))
    }

    /// Decompresses an ansel file; returns the bytes of an image file in a format, and the names of metadata that the
    /// format cannot hold. Without a format, the result is the JPEG file that the ansel file holds, or else PNG. With a
    /// file object as target, writes the bytes to it instead of returning them.
    #[pyo3(signature = (source, target=None, *, format=None))]
    fn decompress_file<'py>(
        &self,
        source: &Bound<'py, PyAny>,
        target: Option<Py<PyAny>>,
        format: Option<&str>,
    ) -> PyResult<(Option<Bound<'py, PyBytes>>, Vec<String>)> {
        let py = source.py();
        let input = input::open(source)?;
        let (codec, stop) = self.0.codec()?;
        let (bytes, not_kept) =
            interruptible(py, &stop, || written_to(target, |output| files::decompress(&codec, input, format, output)))?;
        Ok((bytes.map(|bytes| PyBytes::new(py, &bytes)), not_kept))
    }

    /// Starts a file whose rows are written one after the other.
    #[pyo3(signature = (target, *, width, height, channels=1, depth=8, metadata=None))]
    fn encoder(
        &self,
        target: Py<PyAny>,
        width: u32,
        height: u32,
        channels: usize,
        depth: u32,
        metadata: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyEncoder> {
        let info = ansel::ImageInfo { width, height, channels, depth };
        let (codec, stop) = self.0.codec()?;
        PyEncoder::new(&codec, stop, info, &metadata_of(metadata)?, FileObject(target))
    }

    /// Reads a file band by band.
    fn decoder(&self, source: &Bound<'_, PyAny>) -> PyResult<PyDecoder> {
        let (codec, stop) = self.0.codec()?;
        PyDecoder::new(source.py(), &codec, stop, input::open(source)?)
    }

    /// Opens a file, to decompress any number of rectangles.
    fn open(&self, source: &Bound<'_, PyAny>) -> PyResult<PyArchive> {
        let (codec, stop) = self.0.codec()?;
        PyArchive::new(source.py(), &codec, stop, input::open(source)?)
    }
}

/// Runs `write` with a file object, or with a buffer in memory.
fn written_to(
    target: Option<Py<PyAny>>,
    write: impl FnOnce(&mut (dyn std::io::Write + Send)) -> ansel::Result<Vec<String>>,
) -> ansel::Result<(Option<Vec<u8>>, Vec<String>)> {
    let mut bytes = Vec::new();
    match target {
        Some(target) => write(&mut FileObject(target)).map(|not_kept| (None, not_kept)),
        None => write(&mut bytes).map(|not_kept| (Some(bytes), not_kept)),
    }
}

fn lossy_source(source: &str) -> Error {
    let what = format!(
        "pixels decoded from {source}: the file is smaller than they are without loss, so keep it (or allow lossy sources)"
    );
    Error::Unsupported(what)
}
