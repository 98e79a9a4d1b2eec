//! The kinds of problem of sales, and which operation can answer with which.

use entrepot_web::{ProblemKind, kinds};

macro_rules! kind {
    ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
        pub(super) const $name: ProblemKind =
            ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
    };
}

kind!(
    STORE_NOT_FOUND,
    404,
    "sales.store_not_found",
    "There is no such store",
    "No store has this id, or it is one that you are not tied to."
);
kind!(
    STORE_HAS_SALES,
    409,
    "sales.store_has_sales",
    "The store has sales",
    "A store that has sold something is closed (`status`), not deleted. Or delete its months first."
);
kind!(
    MONTH_NOT_FOUND,
    404,
    "sales.month_not_found",
    "There is no such month",
    "Nothing is known of this month of this store."
);
kind!(
    BATCH_SIZE,
    422,
    "sales.batch_size",
    "The batch is empty or too large",
    "A batch has 1 to 50 rows. Larger loads go through POST /api/v2/sales/import."
);
kind!(
    BATCH_INVALID,
    422,
    "sales.batch_invalid",
    "Rows of the batch are not valid",
    "Nothing was written. `errors` names every fault with its row; `atomic=false` writes the good rows."
);
kind!(
    IMPORT_UNREADABLE,
    400,
    "sales.import_unreadable",
    "The file cannot be read",
    "It is no CSV with the columns that are needed, or breaks off. What was written before stays; sent again, it changes nothing."
);

kind!(
    TOO_MANY_IMPORTS,
    503,
    "sales.too_many_imports",
    "Too many imports are under way",
    "One person may have two under way, and an instance sixteen. Wait for one to end."
);

/// Which operation can answer with which, beyond those that any can.
pub(super) const BY_OPERATION: &[(&str, &[&ProblemKind])] = &[
    ("list_stores", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
    ("get_store", &[&STORE_NOT_FOUND]),
    ("put_store", &[&STORE_NOT_FOUND]),
    ("update_store", &[&STORE_NOT_FOUND]),
    ("delete_store", &[&STORE_NOT_FOUND, &STORE_HAS_SALES]),
    ("list_sales", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
    ("get_sales", &[&STORE_NOT_FOUND, &MONTH_NOT_FOUND]),
    ("put_sales", &[&STORE_NOT_FOUND, &MONTH_NOT_FOUND]),
    ("update_sales", &[&STORE_NOT_FOUND, &MONTH_NOT_FOUND]),
    ("delete_sales", &[&STORE_NOT_FOUND, &MONTH_NOT_FOUND]),
    ("sum_sales", &[]),
    ("export_sales", &[]),
    ("upsert_sales", &[&BATCH_SIZE, &BATCH_INVALID]),
    ("delete_many_sales", &[&BATCH_SIZE, &BATCH_INVALID]),
    ("import_sales", &[&IMPORT_UNREADABLE, &TOO_MANY_IMPORTS]),
];
