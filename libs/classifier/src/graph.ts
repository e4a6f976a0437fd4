import type { TrainedClassifier } from './classifier.ts';
import { hashing } from './features.ts';
import { type DataType, encodeModel, type OnnxNode, type OnnxTensor } from './onnx-writer.ts';

/**
 * Writes the classifier as one ONNX file with the featurizer inside.
 *
 * Input `units`: int32 [N, L], the UTF-16 code units of normalised texts, padded with 0. Output `probabilities`: float32
 * [N, labels]. A row's answer is the same bits in any batch, at any padding, with any number of threads: everything up
 * to the sums is integers (in int32 tensors, or float32 below 2^24), everything after works on one row.
 * Operators are those for which ONNX Runtime has CPU and CUDA kernels at these types; not run on a GPU here.
 */
export function writeOnnx(classifier: Omit<TrainedClassifier, 'calibration' | 'training'>): Uint8Array {
  const graph = new GraphBuilder();
  const mean = graph.add('Div', [sumWeights(graph, classifier), countNgrams(graph)]);
  const scaled = graph.add('Mul', [mean, graph.float32('scale', [classifier.scale])]);
  const logits = graph.add('Add', [scaled, graph.float32('bias', [...classifier.bias])]);
  const tempered = graph.add('Div', [logits, graph.float32('temperature', [classifier.temperature])]);
  graph.add('Softmax', [tempered], { axis: -1 }, 'probabilities');
  return encodeModel({
    name: 'text-classifier',
    input: { name: 'units', type: 'int32', dimensions: ['texts', 'units'] },
    output: { name: 'probabilities', type: 'float32', dimensions: ['texts', classifier.labels.length] },
    nodes: graph.nodes,
    initialisers: graph.initialisers,
  });
}

/** float32 [N, labels]: the sum of the weights of each text's n-grams, an exact integer. */
function sumWeights(
  graph: GraphBuilder,
  { labels, buckets, weights }: Pick<TrainedClassifier, 'labels' | 'buckets' | 'weights'>,
): string {
  const indices = graph.add('Concat', bucketsOfNgrams(graph), { axis: 1 });
  // Stored in two bytes; a session turns them into float32 once, when it is created.
  graph.initialisers.push({ name: 'weights', type: 'int16', dimensions: [buckets, labels.length], values: weights });
  const table = graph.add('Cast', ['weights'], { to: 1 });
  const gathered = graph.add('Gather', [table, indices], { axis: 0 });
  return graph.add('ReduceSum', [gathered, graph.axis(1)], { keepdims: 0 });
}

/** int32 [N, L - n + 1] for each n: the bucket of the n-gram that starts there, 0 where it reaches into the padding. */
function bucketsOfNgrams(graph: GraphBuilder): string[] {
  const one = graph.int32('one', 1);
  const multiplier = graph.int32('multiplier', hashing.multiplier);
  const modulus = graph.int32('modulus', hashing.modulus);
  const present = graph.add('Min', ['units', one]);
  const buckets: string[] = [];
  let hash = graph.int32('start', hashing.start);
  for (let n = 1; n <= hashing.maximumNgram; n++) {
    // The n-gram that starts at i ends at i + n - 1: the hash without its last unit, plus that unit.
    const before = n === 1 ? hash : graph.slice(hash, 0, -1);
    const last = n === 1 ? 'units' : graph.slice('units', n - 1);
    const lastPresent = n === 1 ? present : graph.slice(present, n - 1);
    hash = graph.add('Mod', [graph.add('Mul', [graph.add('Add', [before, last]), multiplier]), modulus]);
    buckets.push(graph.add('Mul', [graph.add('Add', [hash, one]), lastPresent]));
  }
  return buckets;
}

/** float32 [N, 1]: n-grams of each text, at least 1 so that a row of padding alone has an answer too. */
function countNgrams(graph: GraphBuilder): string {
  const present = graph.add('Cast', [graph.add('Min', ['units', graph.int32('one', 1)])], { to: 1 });
  const length = graph.add('ReduceSum', [present, graph.axis(1)], { keepdims: 1 });
  const shorter = graph.float32(
    'shorter',
    Array.from({ length: hashing.maximumNgram }, (_, n) => n),
  );
  const perSize = graph.add('Relu', [graph.add('Sub', [length, shorter])]);
  const count = graph.add('ReduceSum', [perSize, graph.axis(1)], { keepdims: 1 });
  return graph.add('Max', [count, graph.float32('least', [1])]);
}

/** Collects nodes and constants and names what they compute. */
class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initialisers: OnnxTensor[] = [];

  add(operator: string, inputs: string[], attributes: Record<string, number> = {}, output?: string): string {
    const name = output ?? `${operator.toLowerCase()}_${this.nodes.length}`;
    this.nodes.push({ operator, inputs, output: name, attributes });
    return name;
  }

  /** Along axis 1. */
  slice(input: string, start: number, end: number = Number.MAX_SAFE_INTEGER): string {
    const [from, to] = [this.int64(`from_${start}`, start), this.int64(`to_${end}`, end)];
    return this.add('Slice', [input, from, to, this.axis(1)]);
  }

  axis(axis: number): string {
    return this.int64(`axis_${axis}`, axis);
  }

  int32(name: string, value: number): string {
    return this.constant(name, 'int32', Int32Array.of(value));
  }

  int64(name: string, value: number): string {
    return this.constant(name, 'int64', BigInt64Array.of(BigInt(value)));
  }

  float32(name: string, values: number[]): string {
    return this.constant(name, 'float32', Float32Array.from(values));
  }

  private constant(name: string, type: DataType, values: OnnxTensor['values']): string {
    if (!this.initialisers.some((tensor) => tensor.name === name)) {
      this.initialisers.push({ name, type, dimensions: [values.length], values });
    }
    return name;
  }
}
