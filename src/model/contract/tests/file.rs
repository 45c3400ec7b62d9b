//! Files that are damaged, hostile, or not models.

use super::*;

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_read() {
    let file = vec![0; MAX_MODEL_BYTES as usize + 1];
    match read(&file).map(drop) {
        Err(Error::LimitsExceeded { value, limit, .. }) => {
            assert_eq!((value, limit), (MAX_MODEL_BYTES + 1, MAX_MODEL_BYTES))
        }
        other => panic!("not refused: {other:?}"),
    }
    assert!(matches!(read(&file[1..]), Err(Error::Model(_))));
}

#[test]
fn every_truncation_is_refused_or_loses_only_what_no_one_reads() {
    let bytes = grey().encode_to_vec();
    let whole = read(&bytes).expect("a model that keeps the contract");
    let near_the_end = bytes.len() - 600..bytes.len();
    for length in (0..bytes.len()).step_by(17).chain(near_the_end) {
        match read(&bytes[..length]) {
            Err(error) => assert!(matches!(error, Error::Model(_)), "{error:?}"),
            Ok(cut) => assert_eq!((cut.layers, cut.known_answer), (whole.layers.clone(), whole.known_answer.clone())),
        }
    }
}

#[test]
fn a_flipped_bit_is_refused_or_leaves_a_model_that_keeps_the_contract() {
    let mut bytes = grey().encode_to_vec();
    let (mut refused, mut accepted) = (0, 0);
    for bit in (0..8 * bytes.len()).step_by(11) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        match read(&bytes) {
            Err(Error::Model(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
            Ok(model) => {
                check_row_bounds(&model.layers, model.precision()).expect("rows below the bound");
                accepted += 1;
            }
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    // Most bits belong to weights, which may have any value.
    assert!(refused > 1000 && accepted > 1000, "{refused} refused, {accepted} accepted");
}

/// A protocol buffers field that holds bytes.
fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    prost::encoding::encode_varint(tag << 3 | 2, &mut encoded);
    prost::encoding::encode_varint(bytes.len() as u64, &mut encoded);
    encoded.extend(bytes);
    encoded
}

/// The bytes of the graph's fields; each message in it ends with the field `extra`.
fn graph_with(graph: &GraphProto, extra: &[u8]) -> Vec<u8> {
    let mut encoded = field(2, graph.name.as_bytes());
    let mut add = |tag, message: Vec<u8>| encoded.extend(field(tag, &[&message[..], extra].concat()));
    graph.node.iter().for_each(|node| add(1, node.encode_to_vec()));
    graph.initializer.iter().for_each(|tensor| add(5, tensor.encode_to_vec()));
    graph.input.iter().for_each(|input| add(11, input.encode_to_vec()));
    graph.output.iter().for_each(|output| add(12, output.encode_to_vec()));
    encoded.extend(extra);
    encoded
}

#[test]
fn fields_that_are_not_checked_do_not_reach_the_runtime() {
    const MARKER: &[u8] = b"smuggled";
    let plain = grey();
    let clean = plain.encode_to_vec();
    let graph = plain.graph.clone().expect("a graph");
    let outside = ModelProto { graph: None, ..plain }.encode_to_vec();
    // 13: external data of a tensor, 15: sparse initializers of a graph, 20: training of a model, 25: functions
    // of a model, 999: nothing yet.
    for tag in [13, 15, 20, 25, 999] {
        let extra = field(tag, MARKER);
        let file = [&outside[..], &field(7, &graph_with(&graph, &extra)), &extra].concat();
        let checked = read(&file).expect("a model that keeps the contract");
        assert!(checked.onnx == clean, "field {tag} changes the model");
        assert!(!checked.onnx.windows(MARKER.len()).any(|window| window == MARKER));
    }
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    for bytes in [&b""[..], b"\0", b"not a model", &[0xff; 100], &[0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
        assert!(matches!(read(bytes), Err(Error::Model(_))));
    }
}
