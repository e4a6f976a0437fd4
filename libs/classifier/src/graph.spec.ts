import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeNormalised, type EncodedBatch, encodeUtf16, normalise } from '#libs/normalisation';
import { seededRandom } from '#libs/statistics';
import { bucketCount } from './features.ts';
import { writeOnnx } from './graph.ts';
import { largestWeight } from './quantise.ts';
import { type Scorer, scoreTexts } from './score.ts';

const edgeCases = [
  '',
  '   ',
  '\n\t',
  'a',
  '😀',
  '👩‍👩‍👧‍👦 🇸🇴',
  '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐀𐐁 𠀀𠀁',
  'السلام عليكم ورحمة الله',
  'lone \ud83d high',
  '\ude00',
  'nul\0in\0side',
  'ＦＵＬＬ ｗｉｄｔｈ １２３',
  'İstanbul ﷺ ǅ ß',
  'x'.repeat(5000),
  'waxa dhaltaan usoo xuriyee '.repeat(200),
  '\uffff\ufffe\ufffd',
];

/** A classifier with a weight of any allowed size in every bucket: harder on the sums than a trained one. */
function randomClassifier(classes: number, seed: number): Scorer {
  const random = seededRandom(seed);
  const largest = largestWeight(1000);
  const weights = new Int16Array(bucketCount * classes);
  for (let i = classes; i < weights.length; i++) weights[i] = Math.round((random() * 2 - 1) * largest);
  return {
    labels: Array.from({ length: classes }, (_, c) => `label-${c}`),
    buckets: bucketCount,
    weights,
    scale: Math.fround(40 / largest),
    bias: Float32Array.from({ length: classes }, () => random() - 0.5),
    temperature: Math.fround(0.7),
    maximumCharacters: 1000,
  };
}

function randomTexts(count: number, seed: number): string[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: Math.floor(random() ** 4 * 1100) }, () =>
      String.fromCharCode(random() < 0.9 ? 32 + random() * 95 : random() * 0x10000),
    ).join(''),
  );
}

async function open(classifier: Scorer, threads = 1): Promise<(batch: EncodedBatch) => Promise<Float32Array>> {
  const session = await ort.InferenceSession.create(writeOnnx(classifier), { intraOpNumThreads: threads });
  return async ({ units, rows, columns }) => {
    const { probabilities } = await session.run({ units: new ort.Tensor('int32', units, [rows, columns]) });
    if (!(probabilities?.data instanceof Float32Array)) throw new Error('not float32');
    expect(probabilities.dims).toEqual([rows, classifier.labels.length]);
    return probabilities.data;
  };
}

/** The bits of one row. */
function bitsOf(data: Float32Array, row: number, classes: number): string {
  return Buffer.from(data.slice(row * classes, (row + 1) * classes).buffer).toString('hex');
}

describe('the graph', () => {
  it.each([2, 3, 20])('answers what the reference scorer answers, edge cases too (%i labels)', async (classes) => {
    const classifier = randomClassifier(classes, classes);
    const texts = [...edgeCases, ...randomTexts(200, 5)];
    const answer = await (await open(classifier))(encodeUtf16(texts));
    let furthest = 0;
    for (const [row, expected] of scoreTexts(classifier, texts).entries()) {
      for (const [c, p] of expected.entries()) {
        furthest = Math.max(furthest, Math.abs(p - (answer[row * classes + c] ?? Number.NaN)));
      }
    }
    expect(furthest).toBeLessThan(2e-6);
  });

  it.each([2, 3, 7, 17])(
    'answers a text with the same bits in any batch, at any padding, with 1 and 2 threads (%i labels)',
    async (classes) => {
      const classifier = randomClassifier(classes, 11);
      const texts = [...edgeCases, ...randomTexts(64, 9)].map((text) => normalise(text));
      const [one, two] = [await open(classifier, 1), await open(classifier, 2)];
      const alone: string[] = [];
      for (const text of texts) alone.push(bitsOf(await one(encodeNormalised([text])), 0, classes));
      const random = seededRandom(13);
      for (let size = 1; size <= 64; size++) {
        const members = Array.from({ length: size }, () => Math.floor(random() * texts.length));
        const batch = members.map((index) => texts[index] ?? '');
        const longest = Math.max(...batch.map((text) => text.length));
        const encoded = encodeNormalised(batch, longest + Math.floor(random() * 70));
        for (const run of [one, two]) {
          const answer = await run(encoded);
          expect(members.map((_, row) => bitsOf(answer, row, classes))).toEqual(members.map((index) => alone[index]));
        }
      }
    },
  );

  it('sums exactly at the largest weights and the longest text', async () => {
    const classifier = randomClassifier(2, 1);
    const largest = largestWeight(1000);
    for (let i = 2; i < classifier.weights.length; i++) classifier.weights[i] = i % 2 === 0 ? largest : -largest;
    expect(largest * (4 * 1002 - 6)).toBeLessThan(2 ** 24);
    const text = 'abcdefghij'.repeat(100);
    const answer = await (await open({ ...classifier, scale: Math.fround(1 / largest) }))(encodeUtf16([text, 'a']));
    // The mean of equal weights is that weight, whatever the length.
    expect(bitsOf(answer, 0, 2)).toBe(bitsOf(answer, 1, 2));
  });

  it('answers a row of padding alone with finite numbers', async () => {
    const answer = await (await open(randomClassifier(3, 1)))({ units: new Int32Array(10), rows: 2, columns: 5 });
    expect(answer.every(Number.isFinite)).toBe(true);
  });

  it('is a single file of operators that have CPU and CUDA kernels at its types', () => {
    const { graph, opsetImport } = fromBinary(ModelProtoSchema, writeOnnx(randomClassifier(3, 1)));
    const allowed = 'Add Cast Concat Div Gather Max Min Mod Mul ReduceSum Relu Slice Softmax Sub'.split(' ');
    expect([...new Set(graph?.node.map((node) => node.opType))].toSorted()).toEqual(allowed);
    expect(graph?.input.map((value) => value.name)).toEqual(['units']);
    expect(graph?.output.map((value) => value.name)).toEqual(['probabilities']);
    expect(opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([['', 17]]);
  });
});
