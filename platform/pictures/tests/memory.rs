//! What is not pixels takes no memory to speak of, whatever it inflates to. A binary of its own, as it counts all
//! allocations of the process; those that libwebp makes by itself are not seen.
//!
//! That the counting counts is seen at the end. With the whole of `memory_bytes` for what inflates the 512 MiB are there;
//! with a `KEPT_BYTES` of 20 MiB so are the 16 of the other formats.
#![expect(unsafe_code, reason = "a global allocator is unsafe to write; this one only counts and passes on")]
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};

use entrepot_pictures::{Limits, Variant, Wanted, make};
use flate2::{Compress, Compression, FlushCompress};
use image::{DynamicImage, ImageFormat};

const MIB: usize = 1024 * 1024;

/// What `Limits` says that it may take besides pixels. The pictures here have 100 of them.
const BESIDES_PIXELS: usize = 8 * MIB;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is made of a picture, and the most memory that this took on top of the file.
fn made(bytes: &[u8]) -> (Variant, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let wanted = [Wanted { name: "small", width: 12, height: 12, quality: 90 }];
    let (_looked, mut variants) = make(bytes, &wanted, &Limits::default()).expect("a picture");
    (variants.remove(0), PEAK.load(Ordering::Relaxed) - before)
}

fn picture(format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(10, 10).write_to(&mut file, format).expect("a picture");
    file.into_inner()
}

/// Zeros as zlib has them (RFC 1950): one piece after a full flush is like the next, so it is deflated once.
fn zeros(mib: usize) -> Vec<u8> {
    let mut deflater = Compress::new(Compression::best(), false);
    let mut piece = Vec::with_capacity(64 * 1024);
    deflater.compress_vec(&vec![0; MIB], &mut piece, FlushCompress::Full).expect("there is room");
    assert_eq!(deflater.total_in(), 1024 * 1024);
    // Of zeros the first sum stays 1, and the second counts them.
    let counted = u32::try_from(mib * MIB % 65_521).expect("small") << 16 | 1;
    // The last block has nothing in it.
    [&[0x78, 0xda][..], &piece.repeat(mib), &[1, 0, 0, 0xff, 0xff], &counted.to_be_bytes()].concat()
}

fn png_with(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let plain = picture(ImageFormat::Png);
    let mut file = plain[..33].to_vec();
    for (name, content) in chunks {
        let mut crc = flate2::Crc::new();
        crc.update(*name);
        crc.update(content);
        file.extend(u32::try_from(content.len()).expect("small").to_be_bytes());
        file.extend(*name);
        file.extend(content);
        file.extend(crc.sum().to_be_bytes());
    }
    file.extend(&plain[33..]);
    file
}

fn profile_of(mib: usize) -> Vec<u8> {
    [b"ICC\0\0".to_vec(), zeros(mib)].concat()
}

/// A WebP whose parts, as they lie there, stand in front of its bit stream.
fn webp_with(flags: u8, parts: &[(&[u8; 4], usize)]) -> Vec<u8> {
    let plain = picture(ImageFormat::WebP);
    let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
    file.extend([flags, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
    for (name, length) in parts {
        file.extend(*name);
        file.extend(u32::try_from(*length).expect("small").to_le_bytes());
        file.resize(file.len() + length, 0);
    }
    file.extend(&plain[12..]);
    let length = u32::try_from(file.len() - 8).expect("small");
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file
}

/// A JPEG with a profile in as many parts as there can be, 16 MiB.
fn jpeg_with_a_profile() -> Vec<u8> {
    const PARTS: u8 = 254;
    let plain = picture(ImageFormat::Jpeg);
    let mut file = plain[..2].to_vec();
    for part in 1..=PARTS {
        file.extend([0xff, 0xe2, 0xff, 0xff]);
        file.extend(b"ICC_PROFILE\0");
        file.extend([part, PARTS]);
        file.resize(file.len() + 0xffff - 16, 0);
    }
    file.extend(&plain[2..]);
    file
}

/// A GIF with 16 MiB of an application, such as a profile.
fn gif_with(application: &[u8; 11]) -> Vec<u8> {
    let plain = picture(ImageFormat::Gif);
    let first = 13 + if plain[10] & 0x80 == 0 { 0 } else { 6 << (plain[10] & 7) };
    let mut file = plain[..first].to_vec();
    file.extend([0x21, 0xff, 11]);
    file.extend(application);
    for _ in 0..16 * MIB / 256 {
        file.push(255);
        file.resize(file.len() + 255, 0);
    }
    file.push(0);
    file.extend(&plain[first..]);
    file
}

// One test, as two at once would count each other's.
#[test]
fn what_is_not_pixels_takes_little_memory_whatever_it_inflates_to() {
    let text = |head: &[u8], mib| [head, &zeros(mib)].concat();
    let iccp = |mib| (b"iCCP", profile_of(mib));
    let xmp = b"XML:com.adobe.xmp\0\x01\0\0\0";
    let large = 16 * MIB;
    for (what, plain, bytes) in [
        ("PNG, iCCP of 512 MiB", ImageFormat::Png, png_with(&[iccp(512)])),
        ("PNG, iCCP of 256 MiB", ImageFormat::Png, png_with(&[iccp(256)])),
        ("PNG, iCCP thrice", ImageFormat::Png, png_with(&[iccp(128), iccp(128), iccp(128)])),
        ("PNG, zTXt of 512 MiB", ImageFormat::Png, png_with(&[(b"zTXt", text(b"Comment\0\0", 512))])),
        ("PNG, iTXt of 512 MiB", ImageFormat::Png, png_with(&[(b"iTXt", text(xmp, 512))])),
        ("PNG, iTXt of 256 MiB", ImageFormat::Png, png_with(&[(b"iTXt", text(xmp, 256))])),
        ("PNG, tEXt", ImageFormat::Png, png_with(&[(b"tEXt", [b"Comment\0".to_vec(), vec![b' '; large]].concat())])),
        ("PNG, eXIf", ImageFormat::Png, png_with(&[(b"eXIf", vec![0; large])])),
        ("WebP, ICCP", ImageFormat::WebP, webp_with(0x20, &[(b"ICCP", large)])),
        ("WebP, EXIF", ImageFormat::WebP, webp_with(0x08, &[(b"EXIF", large)])),
        ("WebP, XMP", ImageFormat::WebP, webp_with(0x04, &[(b"XMP ", large)])),
        ("JPEG, APP2", ImageFormat::Jpeg, jpeg_with_a_profile()),
        ("GIF, profile", ImageFormat::Gif, gif_with(b"ICCRGBG1012")),
        ("GIF, XMP", ImageFormat::Gif, gif_with(b"XMP DataXMP")),
    ] {
        assert!(bytes.len() <= Limits::default().bytes, "{what}: {} bytes", bytes.len());
        let (honest, _) = made(&picture(plain));
        let (made, peak) = made(&bytes);
        assert_eq!(made, honest, "{what}");
        assert!(peak < BESIDES_PIXELS, "{what}: {peak} bytes at the most");
    }

    // What is small is read, and what a picture takes is seen here.
    let mut file = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(2_000, 1_000).write_to(&mut file, ImageFormat::Png).expect("a picture");
    let (_, peak) = made(file.get_ref());
    assert!(peak >= 6_000_000, "the counter counts: {peak}");
}
