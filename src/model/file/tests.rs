//! The file of a flow taken apart, and files that break its rules.

use super::*;
use crate::entropy::mixture::MAX_CHANNELS;
use crate::model::family::Content;
use crate::model::registry::models;

/// The colour flow of the registry.
fn colour() -> ModelProto {
    let is_colour_flow =
        |model: &&crate::RegisteredModel| (model.family, model.content) == (Family::Flow, Content::Colour);
    let model = models().iter().find(is_colour_flow).expect("a colour flow");
    ModelProto::decode(model.file).expect("an ONNX file")
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().expect("a graph")
}

fn set_metadata(model: &mut ModelProto, key: &str, value: &str) {
    model.metadata_props.iter_mut().find(|entry| entry.key == key).expect("the entry").value = value.to_owned();
}

#[track_caller]
fn assert_refused(rule: &str, change: impl FnOnce(&mut ModelProto)) {
    let mut model = colour();
    change(&mut model);
    match ModelFile::read(&model.encode_to_vec()).map(drop) {
        Err(Error::Model(reason)) => assert!(reason.contains(rule), "`{reason}` does not say `{rule}`"),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_flow_has_a_network_for_each_phase() {
    let file = ModelFile::read(&colour().encode_to_vec()).expect("a model that keeps the contract");
    assert_eq!((file.family, file.networks.len()), (Family::Flow, PHASES));
    for (phase, network) in file.networks.iter().enumerate() {
        assert_eq!(network.context_size(), crate::context::levels::context_size(phase, MAX_CHANNELS));
        assert_eq!(network.shape, file.shape());
    }
    let products: usize = file.networks.iter().map(|network| network.multiplications()).sum();
    assert_eq!(file.multiplications(), products / PHASES);
}

#[test]
fn a_phase_is_a_file_of_one_network_but_for_its_contexts() {
    let phases = split(&colour(), "phase", PHASES).expect("phases");
    for (phase, mut model) in phases.into_iter().enumerate() {
        CheckedModel::of(model.clone(), Family::Flow, phase).expect("a network");
        set_metadata(&mut model, "ansel.family", "autoregressive");
        set_metadata(&mut model, "ansel.context", "normalized");
        assert!(matches!(ModelFile::read(&model.encode_to_vec()).map(drop), Err(Error::Model(_))));
    }
}

#[test]
fn networks_that_do_not_fit_the_family_are_refused() {
    assert_refused("contexts of kind", |model| set_metadata(model, "ansel.context", "normalized"));
    assert_refused("contexts of kind", |model| set_metadata(model, "ansel.context", "repeats"));
    assert_refused("contexts of kind", |model| set_metadata(model, "ansel.family", "autoregressive"));
    assert_refused("known answers instead of", |model| set_metadata(model, "ansel.known_answer", "one two"));
    assert_refused("known answers instead of", |model| set_metadata(model, "ansel.known_answer", "1 2 3 4"));
    assert_refused("contexts to", |model| set_metadata(model, "ansel.channels", "1"));
}

#[test]
fn everything_in_the_graph_belongs_to_a_phase() {
    let rule = "belongs to no network";
    assert_refused(rule, |model| graph(model).node[0].output[0] = "weight_real_0".to_owned());
    assert_refused(rule, |model| graph(model).node[0].output[0] = "phase3.weight_real_0".to_owned());
    assert_refused(rule, |model| graph(model).initializer[0].name.insert(0, 'x'));
    assert_refused(rule, |model| graph(model).input[0].name.insert(0, ' '));
    assert_refused(rule, |model| graph(model).output[2].name.clear());
}

#[test]
fn phases_do_not_share_what_they_have() {
    // The weights of another phase in place of a phase's own.
    assert_refused("stands where the contract has", |model| {
        graph(model).node[0].input[0] = "phase1.weight_0".to_owned();
    });
    assert_refused("initializers instead of", |model| {
        graph(model).initializer[0].name = "phase1.activation_min".to_owned();
    });
}

#[test]
fn a_flow_without_a_graph_is_refused() {
    assert_refused("no graph", |model| model.graph = None);
}
