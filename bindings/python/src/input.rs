//! Sources and targets of calls: bytes, paths, and Python's file objects.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors::io_error;

/// A reader that can be sent to another thread.
pub trait Readable: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Readable for T {}

/// An open input.
pub type Input = BufReader<Box<dyn Readable>>;

/// Bytes read from files at once.
const BUFFER: usize = 1 << 16;

/// Opens bytes, a path or a file object. `bytes` are not copied; mutable buffers are.
pub fn open(source: &Bound<'_, PyAny>) -> PyResult<Input> {
    let input: Box<dyn Readable> = if source.hasattr("read")? {
        Box::new(FileObject(source.clone().unbind()))
    } else if let Ok(bytes) = source.extract::<PyBackedBytes>() {
        Box::new(Cursor::new(bytes))
    } else if let Ok(buffer) = PyBuffer::<u8>::get(source) {
        Box::new(Cursor::new(buffer.to_vec(source.py())?))
    } else if let Ok(path) = source.extract::<PathBuf>() {
        let file = source.py().detach(|| File::open(&path));
        Box::new(file.map_err(io_error("open", &path))?)
    } else {
        let kind = source.get_type();
        return Err(PyTypeError::new_err(format!("bytes, a path or a binary file are needed, not {kind}")));
    };
    Ok(BufReader::with_capacity(BUFFER, input))
}

/// A binary file object. Its methods are called with the interpreter's lock held, from the thread that works.
pub struct FileObject(pub Py<PyAny>);

/// An error that carries an exception.
fn raised(error: PyErr) -> io::Error {
    io::Error::other(error)
}

impl Read for FileObject {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let bytes: PyBackedBytes = self.0.call_method1(py, "read", (buffer.len(),))?.extract(py)?;
            match buffer.get_mut(..bytes.len()) {
                Some(start) => start.copy_from_slice(&bytes),
                None => return Err(PyTypeError::new_err("read() returned more bytes than it was asked for")),
            }
            Ok(bytes.len())
        })
        .map_err(raised)
    }
}

impl Seek for FileObject {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (offset, whence) = match to {
            SeekFrom::Start(offset) => (i128::from(offset), 0),
            SeekFrom::Current(offset) => (i128::from(offset), 1),
            SeekFrom::End(offset) => (i128::from(offset), 2),
        };
        Python::attach(|py| self.0.call_method1(py, "seek", (offset, whence))?.extract(py)).map_err(raised)
    }
}

impl Write for FileObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A raw file may write only some of the bytes; other objects may return nothing useful.
        let written = Python::attach(|py| -> PyResult<Option<usize>> {
            Ok(self.0.call_method1(py, "write", (bytes,))?.extract(py).ok())
        });
        Ok(written.map_err(raised)?.unwrap_or(bytes.len()).min(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Python::attach(|py| match self.0.getattr(py, "flush") {
            Ok(flush) => flush.call0(py).map(drop),
            Err(_) => Ok(()),
        })
        .map_err(raised)
    }
}
