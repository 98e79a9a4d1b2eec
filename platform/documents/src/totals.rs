//! The row of totals below a table.
//!
//! **Invariant:** a sum is exact: it is added up in decimals, and where it has no place in one there is none.

use rust_decimal::Decimal;

use crate::document::{Cell, Kind, Table, Total};

/// What stands below each column; nothing at all where no column has anything there.
///
/// # Errors
/// The index of a column of which the sum is too large.
pub(crate) fn totals(table: &Table) -> Result<Option<Vec<Cell>>, usize> {
    if table.columns.iter().all(|column| column.total == Total::Nothing) {
        return Ok(None);
    }
    let cells = table.columns.iter().enumerate().map(|(index, column)| match &column.total {
        Total::Nothing => Ok(Cell::Empty),
        Total::Given(cell) => Ok(cell.clone()),
        Total::Sum => {
            let cells = table.rows.iter().filter_map(|row| row.get(index));
            sum(cells, column.kind).ok_or(index)
        }
    });
    cells.collect::<Result<_, _>>().map(Some)
}

fn sum<'a>(mut cells: impl Iterator<Item = &'a Cell>, kind: Kind) -> Option<Cell> {
    if kind == Kind::Integer {
        let sum = cells.try_fold(0_i64, |sum, cell| match cell {
            Cell::Integer(value) => sum.checked_add(*value),
            _ => Some(sum),
        });
        return sum.map(Cell::Integer);
    }
    let sum = cells.try_fold(Decimal::ZERO, |sum, cell| match cell {
        Cell::Decimal(value) => add_exactly(sum, *value),
        _ => Some(sum),
    });
    sum.map(Cell::Decimal)
}

/// A sum that keeps every digit: `checked_add` alone rounds where a decimal runs out of them.
fn add_exactly(left: Decimal, right: Decimal) -> Option<Decimal> {
    let sum = left.checked_add(right)?;
    let wanted = left.normalize().scale().max(right.normalize().scale());
    (sum.scale() >= wanted).then_some(sum)
}
