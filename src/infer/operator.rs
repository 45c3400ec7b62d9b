//! The kernel as an operator of ONNX Runtime: a session on the CPU whose graph is the whole network as one node. Input:
//! rows of contexts. Output: blocks of outputs, as from the kernel.
//!
//! The node takes `contexts` (pixel, context) and `deltas` (the rows of all layers in turn). Its output has the size
//! for the largest batch, so that one tensor serves all runs; elements beyond the contexts' pixels keep their old
//! values.

use std::sync::{Arc, Mutex};

use ort::memory::Allocator;
use ort::operator::{
    BoxedKernel, ComputeContext, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
};
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session};
use ort::value::{Tensor, TensorElementType, TensorRef};
use prost::Message;

use super::kernel::{Kernel, LANES, Packed};
use super::runtime::{self, runtime_error};
use crate::base::error::{Error, Result};
use crate::base::lock::lock;
use crate::model::onnx::{GraphProto, INT16, INT32, ModelProto, NodeProto, OperatorSetId, ValueInfo};

const DOMAIN: &str = "ansel";
const OPERATOR: &str = "IntegerNetwork";
const INPUTS: [(&str, i32); 2] = [("contexts", INT16), ("deltas", INT32)];
const OUTPUT: (&str, i32) = ("outputs", INT16);
/// The largest batch, in blocks of pixels.
const BATCH_BLOCKS: usize = 16;

/// A session that evaluates one network with the kernel. Belongs to one thread.
pub(crate) struct OperatorSession {
    packed: Arc<Packed>,
    session: Session,
    deltas: Tensor<i32>,
    options: RunOptions<HasSelectedOutputs>,
}

impl std::fmt::Debug for OperatorSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorSession").field("packed", &self.packed).finish_non_exhaustive()
    }
}

impl OperatorSession {
    /// A session with the model's own biases.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime is missing, or rejects the operator.
    pub fn new(packed: Arc<Packed>) -> Result<Self> {
        // ONNX Runtime records the domain of operators with each session, but not thread-safely.
        static CREATING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = lock(&CREATING);
        let environment = runtime::environment()?;
        let domain = OperatorDomain::new(DOMAIN).map_err(runtime_error)?;
        let domain = domain.add(NetworkOperator { packed: packed.clone() }).map_err(runtime_error)?;
        let builder = Session::builder(environment).map_err(runtime_error)?;
        let builder = builder.with_operators(domain).map_err(runtime_error)?;
        let builder = builder.with_intra_threads(1).map_err(runtime_error)?;
        let mut builder = builder.with_intra_op_spinning(false).map_err(runtime_error)?;
        let session = builder.commit_from_memory(&model().encode_to_vec()).map_err(runtime_error)?;
        let output = Tensor::<i16>::new(&Allocator::default(), output_shape(&packed)).map_err(runtime_error)?;
        let selector = OutputSelector::default().preallocate(OUTPUT.0, output);
        let options = RunOptions::new().map_err(runtime_error)?.with_outputs(selector);
        let deltas = vec![0; packed.total_rows()];
        Ok(Self { packed, session, deltas: tensor(deltas)?, options })
    }

    /// Replaces the deltas: numbers added to the model's biases, by layer and row.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime fails.
    pub fn set_deltas(&mut self, deltas: &[Vec<i32>]) -> Result<()> {
        self.deltas = tensor(deltas.concat())?;
        Ok(())
    }

    /// Like [`Kernel::run`].
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime fails.
    pub fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        outputs.clear();
        let size = self.packed.context_size();
        for batch in contexts.chunks(BATCH_BLOCKS * LANES * size) {
            let rows = [batch.len() / size, size];
            let contexts = TensorRef::from_array_view((rows, batch)).map_err(runtime_error)?;
            let inputs = ort::inputs![contexts, &self.deltas];
            let results = self.session.run_with_options(inputs, &self.options).map_err(runtime_error)?;
            let (_, blocks) = results[0].try_extract_tensor::<i16>().map_err(runtime_error)?;
            let Some(used) = blocks.get(..self.packed.outputs_of(rows[0])) else {
                return Err(Error::Runtime("an operator returned a tensor of the wrong shape".to_owned()));
            };
            outputs.extend_from_slice(used);
        }
        Ok(())
    }
}

fn tensor(deltas: Vec<i32>) -> Result<Tensor<i32>> {
    Tensor::from_array(([deltas.len()], deltas)).map_err(runtime_error)
}

fn output_shape(packed: &Packed) -> [usize; 3] {
    [BATCH_BLOCKS, packed.output_size(), LANES]
}

/// The ONNX model, with a single node.
fn model() -> ModelProto {
    let value = |(name, element): (&str, i32)| {
        // TypeProto.tensor_type.elem_type, without a shape.
        ValueInfo { name: name.to_owned(), value_type: vec![0x0a, 2, 0x08, element as u8] }
    };
    let node = NodeProto {
        input: INPUTS.map(|(name, _)| name.to_owned()).to_vec(),
        output: vec![OUTPUT.0.to_owned()],
        op_type: OPERATOR.to_owned(),
        attribute: Vec::new(),
        domain: DOMAIN.to_owned(),
    };
    let graph = GraphProto {
        node: vec![node],
        name: OPERATOR.to_owned(),
        initializer: Vec::new(),
        input: INPUTS.map(value).to_vec(),
        output: vec![value(OUTPUT)],
    };
    let version = |domain: &str, version: i64| OperatorSetId { domain: domain.to_owned(), version };
    let opset_import = vec![version("", 18), version(DOMAIN, 1)];
    ModelProto { ir_version: 9, graph: Some(graph), opset_import, metadata_props: Vec::new() }
}

/// The operator: evaluates one network.
struct NetworkOperator {
    packed: Arc<Packed>,
}

impl Operator for NetworkOperator {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        OPERATOR
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [TensorElementType::Int16, TensorElementType::Int32].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Int16)]
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        let packed = self.packed.clone();
        let (mut kernel, mut in_force) = (Kernel::new(packed.clone()), vec![0; packed.total_rows()]);
        Ok(Box::new(move |context: &ComputeContext| {
            let missing = || ort::Error::new("an input or output is missing");
            let (contexts, deltas) = (context.input(0)?.ok_or_else(missing)?, context.input(1)?.ok_or_else(missing)?);
            let (_, contexts) = contexts.try_extract_tensor::<i16>()?;
            let (_, deltas) = deltas.try_extract_tensor::<i32>()?;
            let pixels = contexts.len() / packed.context_size();
            if contexts.len() != pixels * packed.context_size()
                || pixels > BATCH_BLOCKS * LANES
                || deltas.len() != in_force.len()
            {
                return Err(ort::Error::new("inputs of the wrong shapes"));
            }
            if deltas != in_force {
                in_force.copy_from_slice(deltas);
                kernel.set_deltas(&packed.by_layer(deltas));
            }
            let shape = output_shape(&packed).map(|side| side as i64);
            let mut outputs = context.output(0, shape)?.ok_or_else(missing)?;
            let (_, outputs) = outputs.try_extract_tensor_mut::<i16>()?;
            kernel.run_into(contexts, &mut outputs[..packed.outputs_of(pixels)]);
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::ErrorKind;
    use crate::model::file::ModelFile;
    use crate::model::registry::models;
    use crate::testing::Random;

    #[test]
    fn the_operator_equals_the_kernel() {
        let mut random = Random(11);
        for model in models().iter().flat_map(|model| ModelFile::read(model.file).expect("a model").networks) {
            let packed = Arc::new(Packed::new(&model.layers, model.precision()));
            let mut session = OperatorSession::new(packed.clone()).expect("a session");
            let mut kernel = Kernel::new(packed);
            for (pixels, magnitude) in [(0, 0), (1, 0), (16, 900), (255, 900), (257, 1000), (1000, 0), (3, 5)] {
                let mut delta = |layer: &Vec<i32>| layer.iter().map(|_| random.symmetric(magnitude)).collect();
                let deltas: Vec<Vec<i32>> = model.layers.iter().map(|layer| delta(&layer.biases)).collect();
                kernel.set_deltas(&deltas);
                session.set_deltas(&deltas).expect("deltas");
                let count = pixels * model.context_size();
                let contexts: Vec<i16> = (0..count).map(|_| random.symmetric(127) as i16).collect();
                let (mut expected, mut found) = (Vec::new(), vec![1; 7]);
                kernel.run(&contexts, &mut expected);
                session.run(&contexts, &mut found).expect("a run");
                assert!(found == expected, "{} for {pixels} pixels", model.name);
            }
        }
    }

    #[test]
    fn deltas_of_other_sizes_are_an_error() {
        let file = ModelFile::read(models()[0].file).expect("a model");
        let packed = Arc::new(Packed::new(&file.networks[0].layers, file.networks[0].precision()));
        let mut session = OperatorSession::new(packed.clone()).expect("a session");
        session.set_deltas(&[vec![0; 3]]).expect("a tensor");
        let run = session.run(&vec![0; packed.context_size()], &mut Vec::new());
        let error = run.expect_err("deltas of another size");
        assert_eq!(error.kind(), ErrorKind::Runtime);
        assert!(std::error::Error::source(&error).is_some(), "the error of ONNX Runtime is kept");
    }
}
