//! The names of products: a SKU or a slug means one product, and one that is made here is nobody's yet.

use std::collections::{HashMap, HashSet};

use entrepot_pg::{Error, Transaction};
use uuid::Uuid;

use crate::model::ProductInput;
use crate::slug::{is_id, is_reserved, slugify};
use crate::store;

/// How many of the forms with a number are looked for.
const MOST_NUMBERS: u32 = 9;

/// A slug for each product that names none: of the title; where that is another product's name, with the SKU behind it;
/// then with a number behind that. `owners` tells which products there are already, by their SKUs.
pub(super) async fn choose_slugs(
    transaction: &Transaction,
    inputs: &[&ProductInput],
    owners: &HashMap<String, Uuid>,
) -> Result<Vec<String>, Error> {
    let unnamed = inputs.iter().filter(|input| input.slug.is_none());
    let wished: Vec<String> = unnamed.flat_map(|input| candidates(input)).collect();
    let taken = store::product_names_taken(transaction, &wished).await?;
    // Those of the other rows are as good as taken, but a product may have one name for both.
    let skus: HashSet<&str> = inputs.iter().map(|input| input.sku.as_str()).collect();
    let mut slugs: HashSet<String> = inputs.iter().filter_map(|input| input.slug.clone()).collect();
    let mut chosen = Vec::with_capacity(inputs.len());
    for input in inputs {
        if let Some(slug) = &input.slug {
            chosen.push(slug.clone());
            continue;
        }
        let owner = owners.get(&input.sku);
        let is_free = |name: &String| {
            taken.get(name).is_none_or(|of| owner == Some(of))
                && !slugs.contains(name)
                && (*name == input.sku || !skus.contains(name.as_str()))
                && !is_reserved(name)
                && !is_id(name)
        };
        let free = candidates(input).into_iter().find(is_free);
        // So many of one name are made by machines, which read anything.
        let slug = free.unwrap_or_else(|| format!("{}-{}", slugify(&input.title, "product"), Uuid::new_v4().simple()));
        slugs.insert(slug.clone());
        chosen.push(slug);
    }
    Ok(chosen)
}

fn candidates(input: &ProductInput) -> Vec<String> {
    let plain = slugify(&input.title, "product");
    let with_sku = format!("{plain}-{}", slugify(&input.sku, "x"));
    let numbered = (2..=MOST_NUMBERS).map(|number| format!("{with_sku}-{number}")).collect::<Vec<_>>();
    [plain, with_sku].into_iter().chain(numbered).collect()
}
