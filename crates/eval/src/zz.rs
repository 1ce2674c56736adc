#[test]
fn harness() {
    use localcoder_protocol::*;
    let mut stat: std::collections::BTreeMap<String, [u32; 5]> = Default::default();
    for task in crate::next_edit_tasks().unwrap() {
        if task.half() != crate::Half::Tuning && std::env::var("ALL").is_err() {
            continue;
        }
        let params = NextEditParams {
            request_id: "1".into(),
            document: task.document(),
            position: task.cursor,
            edits: task.edits(),
            diagnostics: task
                .diagnostics
                .iter()
                .map(|it| Diagnostic { line: it.line, source: None, message: it.message.clone() })
                .collect(),
            explicit: false,
            model: None,
            settings: Default::default(),
        };
        let t = localcoder_assist::NextEditTask::new(&params).unwrap();
        let d = format!("{t:?}");
        let at = d.find("places: [").unwrap();
        let d = &d[at..d.find("], asked").unwrap_or(d.len())];
        let kind = format!("{:?}", task.kind);
        let row = stat.entry(kind.clone()).or_default();
        row[0] += 1;
        let known = t.known();
        let res = match &known {
            Err(_) => {
                row[1] += 1;
                "NONE".to_owned()
            }
            Ok(Some(e)) => {
                let f = task.judge(e);
                if f.text {
                    row[2] += 1
                } else {
                    row[3] += 1
                };
                format!("CERTAIN {f:?}")
            }
            Ok(None) => {
                row[4] += 1;
                "ASK".to_owned()
            }
        };
        let first: Vec<String> = d
            .split("Place { rows: ")
            .skip(1)
            .take(3)
            .map(|p| p.chars().take(220).collect())
            .collect();
        let right: Vec<u32> = {
            let a: Vec<&str> = task.after().split('\n').collect();
            task.right
                .iter()
                .map(|r| {
                    let b: Vec<&str> = r.split('\n').collect();
                    a.iter().zip(&b).take_while(|(x, y)| x == y).count() as u32
                })
                .collect()
        };
        println!("## {} {kind}: {res} rights {right:?} cursor {}", task.id, task.cursor.line - 1);
        if std::env::var("V").is_ok() {
            for f in first {
                println!("      {f}");
            }
        }
    }
    println!("kind [n, none, certain right, certain wrong, ask]: {stat:#?}");
}
