//! The results of the product's own tasks in `docs/eval.md`, as numbers: they are shown next to
//! what users did with the edits of the same model.

use localcoder_protocol::EvalShare;

struct Measured {
    model: &'static str,
    /// The words with which the row begins on the page; a test finds it by them.
    what: &'static str,
    tasks: u32,
    /// In percent of all tasks.
    right: f64,
    /// Shown and not right, in percent of all tasks; what is missing to 100 was not shown.
    wrong: f64,
}

const MEASURED: &[Measured] = &[
    Measured {
        model: "qwen2.5-coder-1.5b",
        what: "instructed",
        tasks: 81,
        right: 67.0,
        wrong: 31.0,
    },
    Measured {
        model: "qwen2.5-coder-1.5b",
        what: "planted flaws",
        tasks: 63,
        right: 62.0,
        wrong: 14.0,
    },
];

/// The results of a model, by its id in the catalog; empty if it was not measured. They are given
/// as the share of right ones among those shown, since users can only decide about what they see.
#[must_use]
pub fn measured(model: &str) -> Vec<EvalShare> {
    let of_model = MEASURED.iter().filter(|row| row.model == model);
    let share = |row: &Measured| EvalShare {
        what: row.what.to_owned(),
        tasks: row.tasks,
        right_of_shown: row.right / (row.right + row.wrong),
    };
    of_model.map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_page() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/eval.md");
        let page = std::fs::read_to_string(page).unwrap();
        let results = page.split_once("| Qwen2.5-Coder 1.5B").expect("its table").1;
        let rows: Vec<Vec<&str>> = results
            .lines()
            .skip_while(|line| !line.starts_with("|---"))
            .skip(1)
            .take_while(|line| line.starts_with('|'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        for Measured { what, tasks, right, wrong, .. } in MEASURED {
            let row = rows.iter().find(|row| row[0].starts_with(what)).expect(what);
            let percent = |cell: &str| cell.trim_end_matches(" %").parse::<f64>().unwrap();
            assert_eq!(row[1], tasks.to_string(), "{what}");
            let told = (percent(row[2]), percent(row[5]));
            assert_eq!(told, (*right, *wrong), "{what}: right and wrong shown");
        }
    }

    #[test]
    fn a_model_that_was_not_measured_has_no_numbers() {
        assert_eq!(measured("demo"), []);
        let shares = measured("qwen2.5-coder-1.5b");
        assert_eq!(shares.len(), 2);
        let Measured { right, wrong, .. } = MEASURED[0];
        assert!((shares[0].right_of_shown * (right + wrong) - right).abs() < 1e-9);
    }
}
