//! NumPy arrays <-> planes. Samples are read directly from the array's memory, with any strides, and results are handed
//! to NumPy without a copy.

use ansel::{MetadataKind, Planes, Sample};
use ndarray::ArrayViewD;
use numpy::{Element, PyArray1, PyArray3, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::{exception, misuse};

/// The order of an array's axes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Row, column, channel.
    Interleaved,
    /// Channel, row, column.
    Planar,
}

impl<'py> FromPyObject<'_, 'py> for Layout {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match &*object.extract::<String>()? {
            "hwc" => Ok(Self::Interleaved),
            "chw" => Ok(Self::Planar),
            other => misuse(format!("layout {other:?}: \"hwc\" or \"chw\" is needed")),
        }
    }
}

/// Planes from anything that NumPy can make an array of bool, uint8 or uint16 from. Without a depth, these are 1, 8 and
/// 16 bits.
pub fn planes_of(image: &Bound<'_, PyAny>, depth: Option<u32>, layout: Layout) -> PyResult<Planes> {
    let numpy = image.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (image,))?;
    let dtype = array.getattr("dtype")?;
    let kind: (String, usize) = (dtype.getattr("kind")?.extract()?, dtype.getattr("itemsize")?.extract()?);
    match (&*kind.0, kind.1) {
        ("b", 1) => {
            // True may be stored as any byte but 0: in arrays from Pillow's images, it is 255.
            let bits = numpy.call_method1("minimum", (array.call_method1("view", ("uint8",))?, 1))?;
            planes::<u8>(&bits, depth.unwrap_or(1), layout)
        }
        ("u", 1) => planes::<u8>(&array, depth.unwrap_or(8), layout),
        // The other byte order is converted.
        ("u", 2) => {
            let native = array.call_method1("astype", ("uint16", "K", "equiv", true, false))?;
            planes::<u16>(&native, depth.unwrap_or(16), layout)
        }
        _ => Err(PyTypeError::new_err(format!("samples must be bool, uint8 or uint16, not {dtype}"))),
    }
}

fn planes<T: Sample + Element>(array: &Bound<'_, PyAny>, depth: u32, layout: Layout) -> PyResult<Planes> {
    let array = array.cast::<PyArrayDyn<T>>()?.readonly();
    let view: ArrayViewD<'_, T> = array.as_array();
    let shape = view.shape().to_vec();
    let view = match (shape.len(), layout) {
        (2, _) => view.insert_axis(ndarray::Axis(0)),
        (3, Layout::Interleaved) => view.permuted_axes(&[2, 0, 1][..]),
        (3, Layout::Planar) => view,
        _ => return misuse(format!("an image has 2 or 3 axes, not {shape:?}")),
    };
    let view = view.into_dimensionality().expect("three axes");
    Planes::from_view(view, depth).map_err(exception)
}

/// The array of planes: uint8 for up to 8 bits, otherwise uint16; a single channel has no axis.
pub fn array_of(py: Python<'_>, planes: Planes, layout: Layout) -> PyResult<Bound<'_, PyAny>> {
    let bytes = planes.depth() <= 8;
    if layout == Layout::Interleaved && planes.channels() > 1 {
        return if bytes { interleaved::<u8>(py, &planes) } else { interleaved::<u16>(py, &planes) };
    }
    // Planes of uint16 become the array without conversion.
    let samples = planes.into_samples();
    let array = if bytes {
        let narrow = py.detach(|| samples.mapv(|sample| sample as u8));
        PyArray3::from_owned_array(py, narrow).into_any()
    } else {
        PyArray3::from_owned_array(py, samples).into_any()
    };
    let one: usize = array.getattr("shape")?.get_item(0)?.extract()?;
    if one == 1 { array.get_item(0) } else { Ok(array) }
}

fn interleaved<'py, T: Sample + Element>(py: Python<'py>, planes: &Planes) -> PyResult<Bound<'py, PyAny>> {
    let (channels, height, width) = planes.samples().dim();
    let samples = py.detach(|| planes.to_interleaved::<T>()).map_err(exception)?;
    Ok(PyArray1::from_vec(py, samples).reshape([height, width, channels])?.into_any())
}

/// The names of metadata blocks in Python.
const NAMES: [(&str, MetadataKind); 5] = [
    ("icc", MetadataKind::Icc),
    ("exif", MetadataKind::Exif),
    ("xmp", MetadataKind::Xmp),
    ("palette", MetadataKind::Palette),
    ("png_chunks", MetadataKind::PngChunks),
];

/// Metadata from a dict of names and bytes.
pub fn metadata_of(blocks: Option<&Bound<'_, PyDict>>) -> PyResult<ansel::Metadata> {
    let mut metadata = ansel::Metadata::default();
    for (name, bytes) in blocks.into_iter().flatten() {
        let name: String = name.extract()?;
        let Some((_, kind)) = NAMES.iter().find(|(known, _)| *known == name) else {
            return misuse(format!("metadata {name:?}: there are {}", NAMES.map(|(name, _)| name).join(", ")));
        };
        metadata.set(*kind, bytes.extract()?);
    }
    Ok(metadata)
}

/// The metadata blocks as a dict of names and bytes.
pub fn blocks_of<'py>(py: Python<'py>, metadata: &ansel::Metadata) -> PyResult<Bound<'py, PyDict>> {
    let blocks = PyDict::new(py);
    for (name, kind) in NAMES {
        if let Some(bytes) = metadata.get(kind) {
            blocks.set_item(name, PyBytes::new(py, bytes))?;
        }
    }
    Ok(blocks)
}
