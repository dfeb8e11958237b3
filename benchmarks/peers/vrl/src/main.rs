// Runs `parse_aws_vpc_flow_log` of Vector's Remap Language over the lines of a file, one after another.
//
// Speaks as benchmarks/peers/worker.py says: a line "work\tpath" comes in, a line of JSON goes out. The file is in
// memory before the clock starts; compiling the program is outside of it too.
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use vrl::compiler::{state::RuntimeState, Context, Program, TargetValue, TimeZone};
use vrl::value::{KeyString, Secrets, Value};

// Records, those with a source address, and the sum of their bytes: what every record loop of the benchmarks finds out.
fn loop_over(program: &Program, text: &str) -> (u64, u64, i64) {
    let timezone = TimeZone::default();
    let mut state = RuntimeState::default();
    let (mut records, mut sources, mut bytes) = (0, 0, 0);
    for line in text.lines().skip(1) {
        let mut target = TargetValue {
            value: Value::Object(BTreeMap::from([(KeyString::from("message"), Value::from(line))])),
            metadata: Value::Object(BTreeMap::new()),
            secrets: Secrets::default(),
        };
        let mut context = Context::new(&mut target, &mut state, &timezone);
        program.resolve(&mut context).expect("the line is a record");
        let record = target.value.as_object().expect("a record is an object");
        records += 1;
        sources += u64::from(!matches!(record.get("srcaddr"), None | Some(Value::Null)));
        if let Some(Value::Integer(n)) = record.get("bytes") {
            bytes += n;
        }
    }
    (records, sources, bytes)
}

// "VRL 0.38.0": of the crate that cargo has chosen.
fn version() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = lock.split("name = \"vrl\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    format!("VRL {}", version.unwrap_or("of an unknown version"))
}

fn main() -> io::Result<()> {
    println!(r#"{{"version": "{}"}}"#, version());
    let source = ". = parse_aws_vpc_flow_log!(.message)";
    let program = vrl::compiler::compile(source, &vrl::stdlib::all()).expect("the program compiles").program;
    for request in io::stdin().lock().lines() {
        let request = request?;
        let Some(path) = request.strip_prefix("records\t") else {
            println!(r#"{{"error": "unknown work"}}"#);
            continue;
        };
        let text = std::fs::read_to_string(path)?;
        let begin = Instant::now();
        let (records, sources, bytes) = loop_over(&program, &text);
        let seconds = begin.elapsed().as_secs_f64();
        println!(r#"{{"seconds": {seconds}, "answer": [[{records}, {sources}, {bytes}]]}}"#);
        io::stdout().flush()?;
    }
    Ok(())
}
