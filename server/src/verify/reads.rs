//! The random reads, and what is wrong about their answers.
//!
//! A read varies in whom it asks, what for (id, SKU, slug, filters, search, ratings), in which method
//! (GET, HEAD), which coding, and whether it carries a position or an ETag. Every answer is compared
//! as a whole. A HEAD is compared by its ETag: with the body that it stands for.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::Run;
use super::client::Answer;
use super::findings::Violation;
use super::model::{Demand, Product, Token};
use super::state::{By, Filter, Members, Shown, View};
use super::work::Random;

/// From this price on a product is dear; writers give both kinds of prices.
pub(super) const DEAR_CENTS: i64 = 1_000_000;
const HEADS_PERCENT: u64 = 12;
const POSITIONS_PERCENT: u64 = 40;
const CODINGS: [Option<&str>; 5] = [None, None, Some("identity"), Some("gzip"), Some("br")];

/// One client that reads.
pub(super) struct Reader {
    run: Arc<Run>,
    last: Option<Last>,
}

/// What a reader last got of some path: the ETag, and the body that it stands for.
struct Last {
    instance: usize,
    path: String,
    etag: String,
    body: Arc<Value>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) what: What,
}

/// What an answer shows.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// The product with this index.
    One(usize, View),
    /// Every product of the run, as a row or as none.
    Many(View),
}

/// What an answer says.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// 404 or 410.
    Gone,
    Body(Arc<Value>),
}

/// What an answer must show, by index.
pub(super) type Demands = Vec<(usize, Demand)>;

impl Asked {
    /// One product by one of its names, or by an id that it has or had.
    fn one(products: &[Product], index: usize, random: &mut Random) -> Self {
        let product = &products[index];
        let ids = product.ids();
        let id = if random.percent(85) { ids.last() } else { ids.first() };
        let (by, reference) = match (id, random.below(5)) {
            (Some(id), 0..=2) => (By::Id(id.clone()), id.to_string()),
            (_, 3) => (By::Name, product.names.slug.clone()),
            _ => (By::Name, product.names.sku.clone()),
        };
        let (members, rest) = match random.below(6) {
            0 => (Members::Brief, "?fields=id,sku,stock"),
            1 => (Members::Ratings, "/reviews?limit=1"),
            _ => (Members::Whole, ""),
        };
        let path = format!("/api/v2/products/{reference}{rest}");
        Self { path, what: What::One(index, View { by, members }) }
    }

    /// A list of them.
    fn many(products: &[Product], index: usize, random: &mut Random) -> Self {
        let names = &products[index].names;
        let shelf = random.index(2);
        let tagged = format!("/api/v2/products?tag={}&limit=200", names.tag);
        let dear = format!("{}.00", DEAR_CENTS / 100);
        let (mut path, filter) = match random.below(7) {
            0 => (tagged, Filter::All),
            1 => (format!("/api/v2/products?category={}&limit=200", names.shelves[shelf]), Filter::Shelf(shelf)),
            2 => (format!("{tagged}&inStock=true"), Filter::InStock(true)),
            3 => (format!("{tagged}&inStock=false"), Filter::InStock(false)),
            4 => (format!("{tagged}&minPrice={dear}"), Filter::MinPrice(DEAR_CENTS)),
            5 => (format!("{tagged}&maxPrice={dear}"), Filter::MaxPrice(DEAR_CENTS)),
            _ => {
                let text = names.tag.replace("verify-", "Verify+");
                (format!("/api/v2/products/search?q=%22{text}%22&limit=200&facets="), Filter::All)
            }
        };
        let members = if random.percent(25) { Members::Whole } else { Members::Brief };
        if members == Members::Brief {
            path.push_str("&fields=id,sku,stock");
        }
        Self { path, what: What::Many(View { by: By::List(filter), members }) }
    }

    /// What an answer of this instance must show if it is asked now. A position counts for the product
    /// that it is a write of.
    pub(super) fn demands(&self, run: &Run, instance: usize, token: Option<(usize, Token)>) -> Demands {
        let products = &run.products;
        let demand = |index: usize| {
            let token = token.as_ref().filter(|(of, _)| *of == index).map(|(_, token)| token);
            (index, products[index].demand(instance, token, run.bound))
        };
        match &self.what {
            What::One(index, _) => vec![demand(*index)],
            What::Many(_) => (0..products.len()).map(demand).collect(),
        }
    }

    /// What is wrong about what was said.
    pub(super) fn faults(
        &self,
        products: &[Product],
        demands: &Demands,
        said: &Said,
        is_stand_in: bool,
    ) -> Vec<String> {
        let check = |index: usize, demand: Demand, view: &View, shown: Shown<'_>| {
            let product = &products[index];
            let fault = product.check(demand, view, shown, is_stand_in).err()?;
            Some(format!("{}: {fault}", product.names.sku))
        };
        let faults = demands.iter().filter_map(|(index, demand)| match (&self.what, said) {
            (What::One(_, view), Said::Gone) => check(*index, *demand, view, Shown::Gone),
            (What::One(_, view), Said::Body(body)) => {
                let document = if view.members == Members::Ratings { &body["meta"]["summary"] } else { &**body };
                check(*index, *demand, view, Shown::Document(document))
            }
            (What::Many(_), Said::Gone) => Some("a list cannot be gone".to_owned()),
            (What::Many(view), Said::Body(body)) => {
                let sku = &*products[*index].names.sku;
                let mut rows = body["data"].as_array().into_iter().flatten().filter(|row| row["sku"] == sku);
                let shown = rows.next().map_or(Shown::Gone, Shown::Document);
                match rows.next() {
                    Some(_again) => Some(format!("{sku}: it is in the list twice")),
                    None => check(*index, *demand, view, shown),
                }
            }
        });
        faults.collect()
    }
}

impl Reader {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self { run, last: None }
    }

    pub(super) async fn read(&mut self, random: &mut Random) {
        let run = self.run.clone();
        let products = &run.products;
        let instance = random.index(run.instances.count());
        // A few products are asked for far more often, so that readers meet on one key.
        let chosen = if random.percent(50) { random.index(3) } else { random.index(products.len()) };
        let asked = match random.below(8) {
            0..=4 => Asked::one(products, chosen, random),
            _ => Asked::many(products, chosen, random),
        };
        let token = if random.percent(POSITIONS_PERCENT) { products[chosen].newest() } else { None };
        let is_head = random.percent(HEADS_PERCENT);
        let mut fields = Vec::new();
        fields.extend(token.map(|token| ("entrepot-at-least", token.position.to_string())));
        fields.extend(CODINGS[random.index(CODINGS.len())].map(|coding| ("accept-encoding", coding.to_owned())));
        let last = self.last.take().filter(|last| last.instance == instance && last.path == asked.path);
        let conditional = last.filter(|_| !is_head);
        fields.extend(conditional.as_ref().map(|last| ("if-none-match", last.etag.clone())));

        let demands = asked.demands(&run, instance, token.map(|token| (chosen, token)));
        let troubles = run.troubles();
        let method = if is_head { "HEAD" } else { "GET" };
        let answer = run.http.send(run.instances.address(instance), method, &asked.path, &fields, None).await;
        let is_single = matches!(asked.what, What::One(..));
        let is_good = |answer: &Answer| match answer.status {
            200 | 304 => true,
            404 | 410 => is_single,
            _ => false,
        };
        let is_calm = troubles.is_empty() && run.troubles().is_empty();
        run.service.served(instance, answer.as_ref().is_ok_and(is_good), is_calm);
        let answer = match answer {
            Ok(answer) if is_good(&answer) => answer,
            other => return run.refused(&troubles, method, &asked.path, other),
        };
        let described = |what: &str| {
            let mut text = format!("{what} by {method} {} on instance {instance}", asked.path);
            let status = answer.field("cache-status").unwrap_or("-");
            let _infallible = write!(text, " ({status}; {:?}; {})", &fields, run.said_troubles());
            text
        };
        let said = match self.said(&asked, instance, &answer, conditional, is_head).await {
            Ok(Some(said)) => said,
            Ok(None) => return run.findings.count("HEADs of a state that no GET showed"),
            Err(fault) => return run.findings.violated(Violation::Stale, described(&fault)),
        };
        let is_stand_in = answer.field("cache-status").is_some_and(|status| status.contains("detail=stale"));
        if is_stand_in {
            run.findings.count("answers that stood in for PostgreSQL while it was away");
            if token.is_some() {
                run.findings.violated(Violation::Stale, described("a stand-in in spite of a position"));
            }
        }
        for fault in asked.faults(products, &demands, &said, is_stand_in) {
            run.findings.violated(Violation::Stale, described(&fault));
        }
        run.findings.checked(match (&asked.what, &said, token.is_some()) {
            _ if is_head => "reads by HEAD",
            (What::One(..), Said::Gone, _) => "reads of a product that was deleted",
            (What::One(..), _, true) => "reads of one product with a position",
            (What::One(..), _, false) => "reads of one product",
            (What::Many(_), _, true) => "reads of a list with a position",
            (What::Many(_), _, false) => "reads of a list",
        });
        if let Some(coding) = answer.field("content-encoding").filter(|_| !is_head) {
            run.findings.count(format!("of all reads, in {coding}"));
        }
        if let (Said::Body(body), Some(etag), false) = (said, answer.etag(), is_head) {
            self.last = Some(Last { instance, path: asked.path.clone(), etag: etag.to_owned(), body });
        }
    }

    /// What a good answer says; `None` where that cannot be known.
    async fn said(
        &self,
        asked: &Asked,
        instance: usize,
        answer: &Answer,
        conditional: Option<Last>,
        is_head: bool,
    ) -> Result<Option<Said>, String> {
        if matches!(answer.status, 404 | 410) {
            return Ok(Some(Said::Gone));
        }
        if let Some(fault) = &answer.fault {
            return Err(fault.clone());
        }
        let etag = answer.etag().ok_or("an answer without an ETag")?;
        if answer.status == 304 {
            let last = conditional.ok_or("304 to an unconditional read")?;
            return Ok(Some(Said::Body(last.body)));
        }
        if !is_head {
            let body = Arc::new(answer.body.clone());
            self.run.etags.learn(&asked.path, etag, &body)?;
            return Ok(Some(Said::Body(body)));
        }
        if !answer.body.is_null() {
            return Err("a HEAD with a body".to_owned());
        }
        if let Some(body) = self.run.etags.known(&asked.path, etag) {
            return Ok(Some(Said::Body(body)));
        }
        // Nobody has read this state yet. A GET right after it mostly has the same.
        let address = self.run.instances.address(instance);
        if let Ok(got) = self.run.http.get(address, &asked.path, &[]).await
            && let (200, Some(own), None) = (got.status, got.etag(), &got.fault)
        {
            self.run.etags.learn(&asked.path, own, &Arc::new(got.body.clone()))?;
        }
        Ok(self.run.etags.known(&asked.path, etag).map(Said::Body))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::client::Etags;
    use super::super::model::Told;
    use super::super::state::Change;
    use super::super::state::tests::{document, living, names};
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn written() -> Vec<Product> {
        let product = Product::new(names(), living());
        product.begin(&Change::Price(12));
        let told = Told { position: 1, instance: Some(0), document: None };
        product.acknowledge(&Change::Price(12), told).expect("it can be done");
        vec![product]
    }

    fn faults(asked: &Asked, products: &[Product], said: &Said) -> Vec<String> {
        asked.faults(products, &vec![(0, products[0].demand(0, None, LONG))], said, false)
    }

    #[test]
    fn a_head_whose_etag_is_an_old_bodys_is_stale() {
        let products = written();
        let etags = Etags::default();
        let old = Arc::new(document(&living()));
        let new = Arc::new(document(&super::super::state::Living { cents: 12, ..living() }));
        etags.learn("/p", "\"1-a\"", &old).expect("new");
        etags.learn("/p", "\"2-b\"", &new).expect("new");
        let view = View { by: By::Name, members: Members::Whole };
        let asked = Asked { path: "/p".to_owned(), what: What::One(0, view) };
        let head = |etag: &str| Said::Body(etags.known("/p", etag).expect("a GET had it"));
        assert!(faults(&asked, &products, &head("\"1-a-gzip\"")).first().is_some_and(|told| told.contains("price")));
        assert!(faults(&asked, &products, &head("\"2-b\"")).is_empty());
    }

    #[test]
    fn a_list_is_compared_row_by_row() {
        let products = written();
        let view = View { by: By::List(Filter::All), members: Members::Whole };
        let asked = Asked { path: "/l".to_owned(), what: What::Many(view) };
        let row = document(&super::super::state::Living { cents: 12, ..living() });
        let list = |rows: Value| Said::Body(Arc::new(json!({"data": rows})));
        assert!(faults(&asked, &products, &list(json!([row.clone(), {"sku": "somebody-else's"}]))).is_empty());
        for wrong in [json!([]), json!([document(&living())]), json!([row.clone(), row])] {
            assert_eq!(faults(&asked, &products, &list(wrong)).len(), 1);
        }
    }
}
