//! The classes `Encoder`, `Decoder` and `Archive`: rows in, bands out, rectangles.

use std::sync::{Mutex, PoisonError};

use ansel::{Archive, Codec, Decoder, Encoder, ImageInfo, Metadata, Rect, Stop};
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;

use crate::arrays::{Layout, array_of, planes_of};
use crate::errors::{exception, misuse};
use crate::info::PyInfo;
use crate::input::{FileObject, Input};
use crate::work::interruptible;

/// The stream behind an object. It is taken out for each call, so that no lock is held meanwhile, and is not put back
/// after an error.
struct Slot<T>(Mutex<Option<T>>);

impl<T> Slot<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(Some(value)))
    }

    fn take(&self) -> PyResult<T> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.map_or_else(|| misuse("it is closed, has failed, or is in use by another thread"), Ok)
    }

    fn put(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }
}

/// A file that is being written: rows in, bytes out. It is complete once `close` has returned; leaving a `with` block
/// by an exception leaves it incomplete.
#[pyclass(name = "Encoder", module = "ansel", frozen)]
pub struct PyEncoder {
    encoder: Slot<Encoder<FileObject>>,
    info: ImageInfo,
    stop: Stop,
}

impl PyEncoder {
    pub fn new(codec: &Codec, stop: Stop, info: ImageInfo, metadata: &Metadata, output: FileObject) -> PyResult<Self> {
        let encoder = codec.encoder(info, metadata, output).map_err(exception)?;
        Ok(Self { encoder: Slot::new(encoder), info, stop })
    }
}

#[pymethods]
impl PyEncoder {
    /// The number of rows that complete the current band; writing exactly this many takes the least memory. 0 after the
    /// last row.
    #[getter]
    fn rows_wanted(&self) -> PyResult<u32> {
        let encoder = self.encoder.take()?;
        let rows = encoder.rows_wanted();
        self.encoder.put(encoder);
        Ok(rows)
    }

    /// Takes the next rows: an array with any number of them.
    #[pyo3(signature = (rows, *, layout=Layout::Interleaved))]
    fn write(&self, rows: &Bound<'_, PyAny>, layout: Layout) -> PyResult<()> {
        let planes = planes_of(rows, Some(self.info.depth), layout)?;
        let mut encoder = self.encoder.take()?;
        let encoder = interruptible(rows.py(), &self.stop, move || {
            encoder.write_rows(&planes)?;
            Ok(encoder)
        })?;
        self.encoder.put(encoder);
        Ok(())
    }

    /// Completes the file; returns its size in bytes.
    fn close(&self, py: Python<'_>) -> PyResult<u64> {
        let encoder = self.encoder.take()?;
        interruptible(py, &self.stop, || Ok(encoder.finish()?.1))
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __exit__(&self, kind: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) -> PyResult<()> {
        if kind.is_none() { self.close(kind.py()).map(drop) } else { Ok(()) }
    }
}

/// Yields the bands of a file, one array after the other.
#[pyclass(name = "Decoder", module = "ansel", frozen)]
pub struct PyDecoder {
    decoder: Slot<Decoder<Input>>,
    /// From the header.
    #[pyo3(get)]
    info: Py<PyInfo>,
    stop: Stop,
}

impl PyDecoder {
    pub fn new(py: Python<'_>, codec: &Codec, stop: Stop, input: Input) -> PyResult<Self> {
        let decoder = interruptible(py, &stop, || codec.decoder(input))?;
        let info = Py::new(py, PyInfo::of_header(py, decoder.header(), decoder.metadata())?)?;
        Ok(Self { decoder: Slot::new(decoder), info, stop })
    }
}

#[pymethods]
impl PyDecoder {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut decoder = self.decoder.take()?;
        let (decoder, band) = interruptible(py, &self.stop, move || {
            let band = decoder.next_band()?;
            Ok((decoder, band))
        })?;
        self.decoder.put(decoder);
        match band {
            Some(band) => array_of(py, band, Layout::Interleaved),
            None => Err(PyStopIteration::new_err(())),
        }
    }
}

/// An open file. Rectangles can be decompressed any number of times; only the tiles that they need are read.
#[pyclass(name = "Archive", module = "ansel", frozen)]
pub struct PyArchive {
    archive: Slot<Archive<Input>>,
    /// From the header.
    #[pyo3(get)]
    info: Py<PyInfo>,
    stop: Stop,
}

impl PyArchive {
    pub fn new(py: Python<'_>, codec: &Codec, stop: Stop, input: Input) -> PyResult<Self> {
        let archive = interruptible(py, &stop, || codec.open(input))?;
        let info = Py::new(py, PyInfo::of_header(py, archive.header(), archive.metadata())?)?;
        Ok(Self { archive: Slot::new(archive), info, stop })
    }
}

#[pymethods]
impl PyArchive {
    /// Decompresses a rectangle (x, y, width, height) to an array.
    #[pyo3(signature = (region, *, layout=Layout::Interleaved))]
    fn region<'py>(
        &self,
        py: Python<'py>,
        region: (u32, u32, u32, u32),
        layout: Layout,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut archive = self.archive.take()?;
        let (archive, planes) = interruptible(py, &self.stop, move || {
            let (x, y, width, height) = region;
            let planes = archive.region(Rect { x, y, width, height });
            Ok((archive, planes))
        })?;
        self.archive.put(archive);
        array_of(py, planes.map_err(exception)?, layout)
    }

    /// Decompresses what is intact of a damaged file; returns the array, with 0 for lost samples, and the lost
    /// rectangles (x, y, width, height).
    #[pyo3(signature = (*, layout=Layout::Interleaved))]
    #[allow(clippy::type_complexity)]
    fn salvage<'py>(
        &self,
        py: Python<'py>,
        layout: Layout,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<(u32, u32, u32, u32)>)> {
        let mut archive = self.archive.take()?;
        let (archive, salvaged) = interruptible(py, &self.stop, move || {
            let salvaged = archive.salvage();
            Ok((archive, salvaged))
        })?;
        self.archive.put(archive);
        let ansel::Salvaged { planes, lost, .. } = salvaged.map_err(exception)?;
        let lost = lost.iter().map(|rect| (rect.x, rect.y, rect.width, rect.height)).collect();
        Ok((array_of(py, planes, layout)?, lost))
    }
}
