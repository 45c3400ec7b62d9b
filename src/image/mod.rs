//! What an image is: its shape, samples, rectangles and metadata.

pub(crate) mod info;
pub(crate) mod jpeg;
mod metadata;
pub(crate) mod planes;
mod rect;

pub use self::info::ImageInfo;
pub(crate) use self::metadata::MetadataEntry;
#[cfg(feature = "files")]
pub(crate) use self::metadata::{CHUNK_HEADER_BYTES, Palette, PngChunk};
pub use self::metadata::{Metadata, MetadataBlock, MetadataKind};
pub use self::planes::{Planes, Sample};
pub use self::rect::Rect;
