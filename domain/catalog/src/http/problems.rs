//! The catalog's kinds of problem, and which operation can answer with which.

use entrepot_web::{ProblemKind, kinds};

macro_rules! kind {
    ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
        pub(super) const $name: ProblemKind =
            ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
    };
}

kind!(
    PRODUCT_NOT_FOUND,
    404,
    "catalog.product_not_found",
    "There is no such product",
    "No product has this id, SKU or slug."
);
kind!(
    PRODUCT_DELETED,
    410,
    "catalog.product_deleted",
    "The product is deleted",
    "It was there once. Its SKU and slug may belong to another product by now."
);
kind!(
    NOT_OWN,
    403,
    "catalog.not_own",
    "The product is another seller's",
    "A seller changes what the seller sells, and nothing else."
);
kind!(
    DUPLICATE_SKU,
    409,
    "catalog.duplicate_sku",
    "Another product has this SKU",
    "A SKU names one product. Change the SKU, or PATCH the product that has it."
);
kind!(
    DUPLICATE_SLUG,
    409,
    "catalog.duplicate_slug",
    "Something else has this slug",
    "A slug names one product or one category. Leave it out to have one made."
);
kind!(
    UNKNOWN_CATEGORY,
    422,
    "catalog.unknown_category",
    "There is no such category",
    "No category has the slug or id that the body names."
);
kind!(CATEGORY_NOT_FOUND, 404, "catalog.category_not_found", "There is no such category", "No category has this slug.");
kind!(
    CATEGORY_CYCLE,
    422,
    "catalog.category_cycle",
    "A category cannot lie below itself",
    "The new parent is the category itself or lies below it."
);
kind!(
    CATEGORY_TOO_DEEP,
    422,
    "catalog.category_too_deep",
    "The tree would be too deep",
    "Categories may be eight levels deep."
);
kind!(
    CATEGORY_NOT_EMPTY,
    409,
    "catalog.category_not_empty",
    "The category is not empty",
    "Categories lie below it or products are in it. Move those first."
);
kind!(
    IMAGE_NOT_FOUND,
    404,
    "catalog.image_not_found",
    "There is no such image",
    "The product has no image with this id."
);
kind!(
    TOO_MANY_IMAGES,
    409,
    "catalog.too_many_images",
    "The product has too many images",
    "A product may have 50 images."
);
kind!(
    NOT_A_PICTURE,
    422,
    "catalog.not_a_picture",
    "The body is not a picture",
    "It is no JPEG, PNG, WebP or GIF, or it is a broken one; the detail tells what is wrong."
);
kind!(
    TOO_MANY_PIXELS,
    422,
    "catalog.too_many_pixels",
    "The picture has too many pixels",
    "A picture may have 50 million pixels, and 16383 along a side."
);
kind!(
    MEDIA_TYPE_MISMATCH,
    415,
    "catalog.media_type_mismatch",
    "The body is another format than its media type says",
    "What a picture is is told by its bytes. Send it with the media type that it has."
);
kind!(
    PICTURE_NOT_FOUND,
    404,
    "catalog.picture_not_found",
    "There is no such picture",
    "No image with this id was uploaded, it was taken away, nothing could be made of it, or there is no such variant."
);
kind!(
    PICTURE_NOT_READY,
    404,
    "catalog.picture_not_ready",
    "The picture is not ready yet",
    "It was uploaded, and is being made smaller. `Retry-After` tells when to ask again."
);
kind!(
    BATCH_SIZE,
    422,
    "catalog.batch_size",
    "The batch is empty or too large",
    "A batch has 1 to 50 products. Larger loads go through `entrepot import`."
);
kind!(
    BATCH_INVALID,
    422,
    "catalog.batch_invalid",
    "Some rows of the batch are not valid",
    "`errors` names every fault by its row. Nothing was written; `atomic=false` would write the rows that are valid."
);

/// Of lists, whose drafts are not for everybody.
const LISTS: &[&ProblemKind] =
    &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR, &kinds::NOT_SIGNED_IN, &kinds::FORBIDDEN];

/// All of them that an operation can answer with, beyond those that any operation can.
pub(super) const BY_OPERATION: &[(&str, &[&ProblemKind])] = &[
    ("list_products", LISTS),
    ("search_products", LISTS),
    ("list_popular_products", &[]),
    ("get_product", &[&PRODUCT_NOT_FOUND, &PRODUCT_DELETED]),
    ("create_product", &[&DUPLICATE_SKU, &DUPLICATE_SLUG, &UNKNOWN_CATEGORY]),
    (
        "update_product",
        &[&NOT_OWN, &PRODUCT_NOT_FOUND, &PRODUCT_DELETED, &DUPLICATE_SKU, &DUPLICATE_SLUG, &UNKNOWN_CATEGORY],
    ),
    ("delete_product", &[&NOT_OWN, &PRODUCT_NOT_FOUND, &PRODUCT_DELETED]),
    ("upsert_products", &[&BATCH_SIZE, &BATCH_INVALID, &DUPLICATE_SKU, &DUPLICATE_SLUG]),
    ("list_product_reviews", &[&PRODUCT_NOT_FOUND, &PRODUCT_DELETED, &kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
    ("add_product_review", &[&PRODUCT_NOT_FOUND, &PRODUCT_DELETED]),
    ("add_product_image", &[&NOT_OWN, &PRODUCT_NOT_FOUND, &PRODUCT_DELETED, &TOO_MANY_IMAGES]),
    ("remove_product_image", &[&NOT_OWN, &PRODUCT_NOT_FOUND, &PRODUCT_DELETED, &IMAGE_NOT_FOUND]),
    (
        "upload_product_image",
        &[
            &NOT_OWN,
            &PRODUCT_NOT_FOUND,
            &PRODUCT_DELETED,
            &TOO_MANY_IMAGES,
            &NOT_A_PICTURE,
            &TOO_MANY_PIXELS,
            &MEDIA_TYPE_MISMATCH,
        ],
    ),
    ("get_image", &[&PICTURE_NOT_FOUND, &PICTURE_NOT_READY]),
    ("list_categories", &[]),
    ("get_category", &[&CATEGORY_NOT_FOUND]),
    ("create_category", &[&DUPLICATE_SLUG, &UNKNOWN_CATEGORY, &CATEGORY_TOO_DEEP]),
    (
        "update_category",
        &[&CATEGORY_NOT_FOUND, &DUPLICATE_SLUG, &UNKNOWN_CATEGORY, &CATEGORY_CYCLE, &CATEGORY_TOO_DEEP],
    ),
    ("delete_category", &[&CATEGORY_NOT_FOUND, &CATEGORY_NOT_EMPTY]),
];
