//! Standard input and output: pipes, terminals, full disks, and readers that close early.

use std::process::{Command, Stdio};

use crate::place::{Place, assert_says, json};

#[test]
fn standard_input_and_output_are_a_dash() {
    let (place, planes) = Place::with_photo();
    let pipe = |arguments: &[&str], input: &str| {
        let input = std::fs::File::open(place.path(input)).expect("the input");
        let output = place.command(arguments).stdin(input).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        output.stdout
    };
    place.write("piped.ansel", pipe(&["compress", "-"], "photo.png"));
    place.succeed(["compress", "photo.png"]);
    assert!(place.read("piped.ansel") == place.read("photo.ansel"));
    place.write("back.png", pipe(&["decompress", "-"], "piped.ansel"));
    assert!(place.image("back.png") == planes);
    assert!(pipe(&["compress", "photo.png", "-o", "-"], "photo.png") == place.read("photo.ansel"));
    pipe(&["decompress", "-", "-o", "named.bmp"], "photo.ansel");
    assert!(place.image("named.bmp") == planes);
    assert_says(&String::from_utf8_lossy(&pipe(&["info", "-"], "photo.ansel")), &["31 x 17"]);
    assert_says(&String::from_utf8_lossy(&pipe(&["verify", "-"], "photo.ansel")), &["ok"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_exit_code_1() {
    let (place, _) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    let commands: [&[&str]; 3] =
        [&["compress", "photo.png", "-o", "-"], &["decompress", "photo.ansel", "-o", "-"], &["decompress", "-"]];
    let printing: [&[&str]; 9] = [
        &["info", "photo.ansel"],
        &["info", "photo.ansel", "--json"],
        &["verify", "photo.ansel"],
        &["verify", "photo.ansel", "--json"],
        &["models"],
        &["models", "--json"],
        &["--help"],
        &["completions", "bash"],
        &["man"],
    ];
    for arguments in commands.into_iter().chain(printing) {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let input = std::fs::File::open(place.path("photo.ansel")).expect("the input");
        let message = place.fail_in(1, place.command(arguments).stdin(input).stdout(full));
        assert_says(&message, &["write", "space"]);
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_stops_early_is_a_failure_unless_it_is_a_person() {
    let (place, _) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    let run = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = place.command(arguments).stdout(writer).output().expect("the program starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let for_people: [&[&str]; 6] = [
        &["info", "photo.ansel"],
        &["verify", "photo.ansel"],
        &["models"],
        &["--help"],
        &["completions", "bash"],
        &["man"],
    ];
    for arguments in for_people {
        assert_eq!(run(arguments), (Some(0), String::new()), "{arguments:?}");
    }
    let for_programs: [&[&str]; 7] = [
        &["compress", "photo.png", "-q", "-o", "-"],
        &["compress", "photo.png", "--json", "-o", "-"],
        &["decompress", "photo.ansel", "-q", "-o", "-"],
        &["compress", "photo.png", "--json", "--force"],
        &["info", "photo.ansel", "--json"],
        &["verify", "photo.ansel", "--json"],
        &["models", "--json"],
    ];
    for arguments in for_programs {
        let (code, errors) = run(arguments);
        assert_eq!(code, Some(1), "{arguments:?}");
        assert_says(&errors, &["cannot write -"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn endless_input_is_refused_by_its_first_bytes() {
    let place = Place::new();
    let zeros = || std::fs::File::open("/dev/zero").expect("/dev/zero");
    for command in ["info", "verify", "decompress", "compress"] {
        // With an address space of 1 GB, no more than that can be read.
        let limited = |input: &str| {
            let mut shell = Command::new("sh");
            let program = env!("CARGO_BIN_EXE_ansel");
            shell.args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\"", program, command, input]);
            shell.current_dir(place.0.path()).stdin(zeros());
            shell
        };
        let says = if command == "compress" { "no format" } else { "not an ansel file" };
        assert_says(&place.fail_in(3, &mut limited("-")), &[says]);
        if command != "compress" && command != "decompress" {
            assert_says(&place.fail_in(3, &mut limited("/dev/zero")), &["/dev/zero", says]);
        }
    }
}

#[cfg(unix)]
#[test]
fn input_beyond_the_limits_is_not_read_to_its_end() {
    let (place, _) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    let endless = |arguments: &[&str], file: &str| {
        let mut cat = Command::new("cat");
        cat.current_dir(place.0.path()).args([file, "/dev/zero"]).stdout(Stdio::piped());
        let mut cat = cat.spawn().expect("cat");
        let mut program = place.command(arguments);
        let output = program.stdin(cat.stdout.take().expect("a pipe")).output().expect("the program starts");
        drop(program); // which holds the pipe open
        cat.wait().expect("cat ends");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, message) = endless(&["info", "-"], "photo.ansel");
    assert_eq!(code, Some(3));
    assert_says(&message, &["trailing bytes"]);
    let arguments = ["compress", "-", "--max-samples", "2000", "--max-metadata", "1000", "-o", "x.ansel"];
    let (code, message) = endless(&arguments, "photo.png");
    assert_eq!(code, Some(5), "{message}");
    assert_says(&message, &["-: limit exceeded", "bytes of the input", "1053577"]);
}

#[test]
fn several_results_on_standard_output_are_wrong_usage() {
    let (place, _) = Place::with_photo();
    std::fs::copy(place.path("photo.png"), place.path("b.png")).expect("a copy");
    assert_says(&place.fail(2, ["compress", "photo.png", "b.png", "-o", "-"]), &["several", "standard output"]);
    assert_says(&place.fail(2, ["compress", ".", "-o", "-"]), &["several"]);
    assert_says(&place.fail(2, ["compress", "-", "-"]), &["standard input"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_no_binary_data_unless_forced() {
    let (place, _) = Place::with_photo();
    let on_terminal = |arguments: &str| {
        let program = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_ansel"));
        let mut script = Command::new("script");
        script.current_dir(place.0.path()).args(["-q", "-e", "-c", &program, "/dev/null"]).stdin(Stdio::null());
        let output = script.output().expect("script, of util-linux");
        (output.status.code(), output.stdout)
    };
    let (code, printed) = on_terminal("compress photo.png -o -");
    assert_eq!(code, Some(2));
    assert_says(&String::from_utf8_lossy(&printed), &["terminal", "--force"]);
    let (code, printed) = on_terminal("compress photo.png -q -f -o -");
    assert_eq!(code, Some(0));
    place.succeed(["compress", "photo.png"]);
    assert!(printed.len() >= place.read("photo.ansel").len());
    assert_eq!(on_terminal("info photo.ansel").0, Some(0));
}

#[test]
fn status_is_on_standard_error_and_results_are_on_standard_output() {
    let (place, _) = Place::with_photo();
    let (printed, status) = place.succeed_in(&mut place.command(["compress", "photo.png"]));
    assert_eq!(printed, "");
    assert_says(&status, &["photo.png -> photo.ansel"]);
    let (printed, status) = place.succeed_in(&mut place.command(["verify", "photo.ansel"]));
    assert_eq!(status, "");
    assert_says(&printed, &["photo.ansel: ok"]);
}

#[test]
fn failures_and_warnings_are_json_too() {
    let (place, _) = Place::with_photo();
    place.write("bad.png", "no image");
    place.write("longer.png", [&place.read("photo.png")[..], b"more"].concat());
    let run = |arguments: &[&str]| {
        let output = place.command(arguments).output().expect("the program starts");
        let [printed, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
        (output.status.code(), printed, errors)
    };
    let (code, printed, errors) = run(&["compress", "bad.png", "longer.png", "missing.png", "--json"]);
    let lines: Vec<_> = printed.lines().map(json).collect();
    assert_eq!((code, &*errors, lines.len()), (Some(3), "", 4));
    assert_eq!((&lines[0]["file"], &lines[0]["exit_code"]), (&"bad.png".into(), &3.into()));
    assert_says(lines[0]["error"].as_str().expect("a text"), &["bad.png", "no format"]);
    assert_eq!(lines[1]["file"], "longer.png");
    assert_says(lines[1]["warning"].as_str().expect("a text"), &["not kept", "4 bytes"]);
    assert_eq!(lines[2]["output"], "longer.ansel");
    assert_eq!((&lines[3]["file"], &lines[3]["exit_code"]), (&"missing.png".into(), &1.into()));
    // With the data on standard output, JSON is on standard error.
    let output = place.run(["compress", "longer.png", "--json", "-o", "-"]);
    assert!(output.stdout == place.read("longer.ansel"));
    let lines: Vec<_> = String::from_utf8_lossy(&output.stderr).lines().map(json).collect();
    assert_eq!((lines.len(), &lines[1]["output"]), (2, &"-".into()));
    let input = std::fs::File::open(place.path("photo.png")).expect("the input");
    let mut named = place.command(["compress", "-", "named.ansel", "--json", "--verbose"]);
    let (printed, errors) = place.succeed_in(named.stdin(input));
    let lines: Vec<_> = printed.lines().map(json).collect();
    assert_eq!((&*errors, lines.len(), &lines[2]["output"]), ("", 4, &"named.ansel".into()));
    assert!([0, 1, 3].iter().all(|&line: &usize| lines[line]["detail"].is_string()));
    for (arguments, code) in [
        (&["info", "bad.png", "--json"][..], 3),
        (&["verify", "bad.png", "--json"], 3),
        (&["compress", "photo.png", "--model", "nameless", "--json"], 6),
        (&["compress", "photo.png", "bad.png", "-o", "-", "--json"], 2),
        (&["compress", "--json"], 2),
        (&["compress", "photo.png", "--effort", "10", "--json"], 2),
    ] {
        let (exit_code, printed, errors) = run(arguments);
        let line = json(if printed.is_empty() { &errors } else { &printed });
        assert_eq!((exit_code, &line["exit_code"]), (Some(code), &code.into()), "{arguments:?}");
        assert!(line["error"].is_string());
    }
}
