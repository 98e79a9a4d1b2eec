//! Stores and months as clients see them, and reading them out of JSON. Pure.
//!
//! **Invariant:** a number that was taken is one that a decimal of 15 digits holds, so it comes back as it
//! was written, whatever reads it on the way.

use entrepot_contracts::{BusinessId, Number, SalesFigures, SalesMonthId, StoreId};
use entrepot_web::body::{Member, Reader, Text};
use entrepot_web::{Fault, Faults, FieldNames};
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// The fields of a store's month.
pub const SALES_FIELDS: FieldNames = FieldNames(&[
    "id",
    "storeId",
    "year",
    "month",
    "dailyData.*",
    "totals.sales",
    "totals.transactions",
    "totals.customers",
    "totals.units",
    "totals.discount",
    "days",
    "createdAt",
    "updatedAt",
]);
/// The fields of a store.
pub const STORE_FIELDS: FieldNames =
    FieldNames(&["id", "name", "place", "status", "businessId", "createdAt", "updatedAt"]);

/// Fields of a day at the most.
const MOST_FIELDS: usize = 20;
const LONGEST_FIELD: usize = 40;
/// Decimals of a number at the most, and the first number that is too large: 15 digits together.
const MOST_DECIMALS: u32 = 4;
const TOO_LARGE: i64 = 100_000_000_000;
const YEARS: (i32, i32) = (1900, 2200);

/// What a store is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = StoreStatus)]
pub(crate) enum Status {
    /// It sells.
    Active,
    /// It does not sell for the time being.
    Paused,
    /// It sells no more.
    Closed,
}

impl Status {
    pub(crate) const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Closed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A store.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Store {
    #[schema(value_type = StoreId)]
    pub(crate) id: String,
    #[schema(example = "Harbour Street")]
    pub(crate) name: String,
    /// Where it is: a town, a district.
    #[schema(example = "Bergen")]
    pub(crate) place: Option<String>,
    pub(crate) status: Status,
    /// Whose it is.
    #[schema(value_type = Option<BusinessId>)]
    pub(crate) business_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    #[serde(skip)]
    pub(crate) version: i64,
}

/// A store as it is put in.
#[derive(Clone, Debug, PartialEq, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreInput {
    #[schema(example = "Harbour Street", max_length = 200)]
    pub(crate) name: String,
    #[schema(example = "Bergen", max_length = 200)]
    pub(crate) place: Option<String>,
    /// `active` unless told.
    #[schema(required = false)]
    pub(crate) status: Status,
    #[schema(value_type = Option<BusinessId>)]
    pub(crate) business_id: Option<Uuid>,
}

impl StoreInput {
    pub(crate) fn read(body: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        let name = reader.required("name", |member| member.text(Text::line(1, 200)));
        let place = reader.optional("place", |member| member.text(Text::line(1, 200)));
        let status = |text: &str| Status::named(text).ok_or("must be active, paused or closed");
        let status = reader.optional("status", |member| member.parsed(Text::line(1, 40), "unknown_status", status));
        let id = |text: &str| text.parse::<Uuid>().map_err(|_| "must be the id of a business, a UUID");
        let business_id = reader.optional("businessId", |member| member.parsed(Text::line(1, 60), "not_an_id", id));
        let faults = reader.finish();
        match name {
            Some(name) if faults.is_empty() => {
                Ok(Self { name, place, status: status.unwrap_or(Status::Active), business_id })
            }
            _ => Err(faults),
        }
    }

    /// A store as clients write it, for a merge patch.
    pub(crate) fn of(store: &Store) -> Value {
        serde_json::json!({
            "name": store.name, "place": store.place, "status": store.status, "businessId": store.business_id,
        })
    }
}

/// What a store sold in a month.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SalesMonth {
    pub(crate) id: SalesMonthId,
    #[schema(value_type = StoreId)]
    pub(crate) store_id: String,
    #[schema(example = 2024)]
    pub(crate) year: i16,
    /// 1 to 12.
    #[schema(example = 1)]
    pub(crate) month: i16,
    /// By day of the month what is known of it: `sales`, `transactions`, `customers`, `units`, `discount`,
    /// and numbers of your own.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, f64>>, example = json!({"1": {"sales": 1000, "transactions": 41}}))]
    pub(crate) daily_data: Box<RawValue>,
    /// Sums over those days.
    pub(crate) totals: SalesFigures,
    /// How many days something is known of.
    #[schema(example = 31)]
    pub(crate) days: i16,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    #[serde(skip)]
    pub(crate) version: i64,
}

/// Which month of which store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MonthKey {
    pub(crate) store_id: StoreId,
    pub(crate) year: i16,
    pub(crate) month: i16,
}

impl MonthKey {
    /// The days that it has.
    pub(crate) fn last_day(&self) -> i8 {
        Date::new(self.year, i8::try_from(self.month).unwrap_or(1), 1).map_or(31, Date::days_in_month)
    }

    pub(crate) fn new(store_id: StoreId, year: i32, month: i32) -> Option<Self> {
        let is_sound = (YEARS.0..=YEARS.1).contains(&year) && (1..=12).contains(&month);
        let (year, month) = (i16::try_from(year).ok()?, i16::try_from(month).ok()?);
        is_sound.then_some(Self { store_id, year, month })
    }
}

/// Days of a month: of each, its fields. A day that is null is to be taken out.
pub(crate) type Days = Map<String, Value>;

/// A row of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MonthInput {
    pub(crate) key: MonthKey,
    pub(crate) days: Days,
}

impl MonthInput {
    pub(crate) fn read(body: &Value, pointer: &str) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, pointer);
        let (store, year, month) = key_members(&mut reader);
        let daily = reader.required("dailyData", |member| Some((member.value, member.pointer().to_owned())));
        let mut faults = reader.finish();
        let key = store.zip(year).zip(month).and_then(|((store, year), month)| MonthKey::new(store, year, month));
        let days = daily.map(|(value, pointer)| read_days(value, key.as_ref(), &pointer, false));
        match (key, days) {
            (Some(key), Some(Ok(days))) if faults.is_empty() => Ok(Self { key, days }),
            (_, days) => {
                faults.extend(days.and_then(Result::err).into_iter().flatten());
                Err(faults)
            }
        }
    }
}

impl MonthKey {
    pub(crate) fn read(body: &Value, pointer: &str) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, pointer);
        let (store, year, month) = key_members(&mut reader);
        let faults = reader.finish();
        let key = store.zip(year).zip(month).and_then(|((store, year), month)| Self::new(store, year, month));
        key.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

fn key_members(reader: &mut Reader<'_>) -> (Option<StoreId>, Option<i32>, Option<i32>) {
    let store =
        reader.required("storeId", |member| member.parsed(Text::line(1, 200), "not_a_store", str::parse::<StoreId>));
    let year = reader.required("year", |member| member.integer(YEARS.0, YEARS.1));
    let month = reader.required("month", |member| member.integer(1, 12));
    (store, year, month)
}

/// The body of a PUT or PATCH of one month.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct MonthBody {
    /// By day of the month what is known of it: `sales`, `transactions`, `customers`, `units`, `discount`,
    /// and up to 15 numbers of your own.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, f64>>, example = json!({"1": {"sales": 1000, "transactions": 41}}))]
    daily_data: Value,
}

/// The body of a PATCH of one month, as a JSON merge patch (RFC 7396): days that are left out stay.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct MonthPatch {
    /// By day of the month what changes; null takes a day or a field of one out.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, f64>>, example = json!({"1": {"sales": 1000, "transactions": 41}}))]
    daily_data: Value,
}

/// A row of a batch: the key of a month, and its days.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct MonthRow {
    store_id: StoreId,
    #[schema(example = 2024, minimum = 1900, maximum = 2200)]
    year: i32,
    #[schema(example = 1, minimum = 1, maximum = 12)]
    month: i32,
    #[schema(value_type = BTreeMap<String, BTreeMap<String, f64>>, example = json!({"1": {"sales": 1000}}))]
    daily_data: Value,
}

/// The key of a month.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct MonthKeyRow {
    store_id: StoreId,
    #[schema(example = 2024, minimum = 1900, maximum = 2200)]
    year: i32,
    #[schema(example = 1, minimum = 1, maximum = 12)]
    month: i32,
}

/// The `dailyData` of a body that holds nothing else.
pub(crate) fn read_body(body: &Value, key: &MonthKey, is_patch: bool) -> Result<Days, Vec<Fault>> {
    let mut reader = Reader::new(body, "");
    let daily = reader.required("dailyData", |member| Some((member.value, member.pointer().to_owned())));
    let mut faults = reader.finish();
    let days = daily.map(|(value, pointer)| read_days(value, Some(key), &pointer, is_patch));
    match days {
        Some(Ok(days)) if faults.is_empty() => Ok(days),
        days => {
            faults.extend(days.and_then(Result::err).into_iter().flatten());
            Err(faults)
        }
    }
}

/// Reads days, telling all faults up to a limit. In a patch a day or a field may be null: it is taken out.
pub(crate) fn read_days(
    value: &Value,
    key: Option<&MonthKey>,
    pointer: &str,
    is_patch: bool,
) -> Result<Days, Vec<Fault>> {
    let mut faults = Faults::default();
    let Some(days) = value.as_object() else {
        let detail = "must be an object with a member for each day, such as {\"1\": {\"sales\": 1000}}";
        return Err(vec![Fault::at(pointer, "wrong_type", detail)]);
    };
    let last = key.map_or(31, MonthKey::last_day);
    for (day, fields) in days {
        let at = || format!("{pointer}/{}", escape(day));
        let is_day = !day.starts_with(['0', '+']) && day.parse::<i8>().is_ok_and(|day| (1..=last).contains(&day));
        if !is_day {
            let detail = || match key {
                Some(MonthKey { year, month, .. }) => format!("{day:?} is no day of {year}-{month:02}: 1 to {last}"),
                None => format!("{day:?} is no day of a month"),
            };
            faults.push(|| Fault::at(at(), "not_a_day", detail()));
            continue;
        }
        match fields {
            Value::Null if is_patch => {}
            Value::Object(fields) => read_fields(fields, &at(), is_patch, &mut faults),
            _ => {
                faults.push(|| Fault::at(at(), "wrong_type", "must be an object of numbers, such as {\"sales\": 1000}"))
            }
        }
    }
    if faults.is_empty() { Ok(days.clone()) } else { Err(faults.into_vec()) }
}

fn read_fields(fields: &Map<String, Value>, pointer: &str, is_patch: bool, faults: &mut Faults) {
    if fields.len() > MOST_FIELDS {
        faults.push(|| Fault::at(pointer, "too_many", format!("must have at most {MOST_FIELDS} fields")));
        return;
    }
    for (name, value) in fields {
        let at = || format!("{pointer}/{}", escape(name));
        if !is_field(name) {
            let detail = || format!("a field's name is 1 to {LONGEST_FIELD} letters, digits and _, a letter first");
            faults.push(|| Fault::at(at(), "not_a_field", detail()));
        } else if let Some((code, detail)) = fault_of_number(name, value)
            && !(is_patch && value.is_null())
        {
            faults.push(|| Fault::at(at(), code, detail));
        }
    }
}

pub(crate) fn is_field(name: &str) -> bool {
    (1..=LONGEST_FIELD).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphabetic()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn fault_of_number(name: &str, value: &Value) -> Option<(&'static str, String)> {
    let Value::Number(number) = value else {
        return Some(("wrong_type", "must be a number".to_owned()));
    };
    let Some(number) =
        Number::read(number).map(|number| number.0).filter(|number| number.abs() < Decimal::from(TOO_LARGE))
    else {
        return Some(("out_of_range", format!("must lie between -{TOO_LARGE} and {TOO_LARGE}")));
    };
    if number.normalize().scale() > MOST_DECIMALS {
        return Some(("too_many_decimals", format!("must have at most {MOST_DECIMALS} decimals")));
    }
    if matches!(name, "transactions" | "customers") {
        if number.is_sign_negative() && !number.is_zero() {
            return Some(("negative", "must not be negative".to_owned()));
        }
        if !number.fract().is_zero() {
            return Some(("not_an_integer", "must be a whole number".to_owned()));
        }
    }
    None
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The rows of a batch under `name`, as many as it may have.
pub(crate) fn read_rows<'a>(body: &'a Value, name: &'static str) -> Result<&'a [Value], Vec<Fault>> {
    let mut reader = Reader::new(body, "");
    let rows = reader.required(name, |member: &mut Member<'a, '_>| {
        let rows = member.value.as_array();
        if rows.is_none() {
            member.fault("wrong_type", "must be a list");
        }
        rows
    });
    let faults = reader.finish();
    rows.map(Vec::as_slice).filter(|_| faults.is_empty()).ok_or(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(year: i32, month: i32) -> MonthKey {
        MonthKey::new("330".parse().expect("an id"), year, month).expect("a month")
    }

    #[test]
    fn days_are_those_of_the_month() {
        assert_eq!((key(2023, 2).last_day(), key(2024, 2).last_day(), key(2024, 12).last_day()), (28, 29, 31));
        let codes = |month: &MonthKey, days: Value| -> Vec<(String, &'static str)> {
            let faults = read_days(&days, Some(month), "/dailyData", false).err().unwrap_or_default();
            faults.into_iter().map(|fault| (fault.pointer.unwrap_or_default(), fault.code)).collect()
        };
        let at = |pointer: &str, code| vec![(format!("/dailyData{pointer}"), code)];
        assert_eq!(codes(&key(2024, 2), json!({"29": {"sales": 1}})), []);
        assert_eq!(codes(&key(2023, 2), json!({"29": {"sales": 1}})), at("/29", "not_a_day"));
        for day in ["0", "01", "+1", "32", "-1", "1.0", "", "one", "1/2"] {
            let faults = codes(&key(2024, 1), json!({day: {"sales": 1}}));
            assert_eq!(faults.first().map(|(_, code)| *code), Some("not_a_day"), "{day:?}");
        }
        for (fields, code) in [
            (json!(5), "wrong_type"),
            (json!(null), "wrong_type"),
            (json!({"sales": "5"}), "wrong_type"),
            (json!({"sales": null}), "wrong_type"),
            (json!({"sales": 100_000_000_000_i64}), "out_of_range"),
            (json!({"sales": 1e300}), "out_of_range"),
            (json!({"sales": 0.00001}), "too_many_decimals"),
            (json!({"customers": -1}), "negative"),
            (json!({"transactions": 1.5}), "not_an_integer"),
            (json!({"a b": 1}), "not_a_field"),
            (json!({"": 1}), "not_a_field"),
        ] {
            let faults = codes(&key(2024, 1), json!({"3": fields}));
            assert_eq!(faults.first().map(|(_, code)| *code), Some(code), "{fields}");
        }
        assert_eq!(codes(&key(2024, 1), json!({"3": {"sales": -5.25, "discount": 0.0001, "promo_x": 1e3}})), []);
    }

    #[test]
    fn totals_are_written_exactly() {
        let totals = SalesFigures { sales: Number(Decimal::new(1_234_567_890_125, 3)), ..SalesFigures::default() };
        let text = serde_json::to_string(&totals).expect("JSON");
        assert_eq!(text, r#"{"sales":1234567890.125,"transactions":0,"customers":0,"units":0,"discount":0}"#);
    }
}
