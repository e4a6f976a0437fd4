/**
 * Texts to token ids: CPU time a text of ours, of `@huggingface/tokenizers` and of native `tokenizers`, in turns, on
 * tokenizers of XLM-R's shape (Unigram, 250,002 pieces) and of BERT's (WordPiece, 30,522). `npm run bench tokenizers`
 */
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { integerBetween, seededRandom } from '../../apps/standalone/src/streams/random.ts';
import { loadTokenizer } from '#libs/tokenizer';
import { languages, paragraphs, unigramTokenizer, wordPieceTokenizer } from '../support/tokenizers.ts';
import { median } from './cpu.ts';
import { charsmap, nativeTokenizer } from './peers/native-tokenizers.ts';

const rounds = 7;
const characters = 100;
const texts = realTexts(4000);
const all = languages().flatMap(paragraphs);
const shapes = {
  "XLM-R's shape": unigramTokenizer(all, { size: 250_002, charsmap: await charsmap() }),
  "BERT's shape": wordPieceTokenizer(all, { size: 30_522 }),
};

for (const [shape, json] of Object.entries(shapes)) {
  const ours = loadTokenizer(json);
  if (ours.path !== 'fast') throw new Error(ours.reason);
  const library = new LibraryTokenizer(JSON.parse(json), {});
  const native = await nativeTokenizer(json);
  const tokens = texts.reduce((sum, text) => sum + ours.encode(text, 512).ids.length, 0) / texts.length;
  console.log(`${shape}: ${texts.length} texts of ${characters} characters, ${tokens.toFixed(1)} tokens a text`);
  const contenders: Record<string, { count: number; run: (part: string[]) => unknown }> = {
    ours: { count: texts.length, run: (part) => part.forEach((text) => ours.encode(text, 512)) },
    'the library': { count: 400, run: (part) => part.forEach((text) => library.encode(text)) },
    'native, one by one': {
      count: 1000,
      async run(part) {
        for (const text of part) (await native.encode(text)).getIds();
      },
    },
    'native, in batches': {
      count: texts.length,
      async run(part) {
        for (let from = 0; from < part.length; from += 500)
          for (const encoding of await native.encodeBatch(part.slice(from, from + 500))) encoding.getIds();
      },
    },
  };
  const times: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round++) {
    for (const [name, { count, run }] of Object.entries(contenders)) {
      const before = process.cpuUsage();
      await run(texts.slice(0, count));
      const { user, system } = process.cpuUsage(before);
      // The first round warms up.
      if (round > 0) (times[name] ??= []).push((user + system) / count);
    }
  }
  for (const [name, values] of Object.entries(times)) {
    const spread = `${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)}`;
    const rate = (1e6 / median(values)).toFixed(0);
    const ratio = (median(values) / median(times['ours'] ?? [])).toFixed(1);
    console.log(
      `${name}: ${median(values).toFixed(1)} µs CPU a text (${spread}), ${rate} a second and core, ${ratio} × ours`,
    );
  }
}

/** Texts of one length in ten languages and six scripts. */
function realTexts(count: number): string[] {
  const random = seededRandom('bench', 'tokenizers');
  const codes = ['eng', 'fra', 'spa', 'som', 'rus', 'arb', 'hin', 'cmn_hans', 'vie', 'tha'];
  const sources = codes.map((code) => paragraphs(code).join(' '));
  return Array.from({ length: count }, () => {
    const source = sources[integerBetween(random, 0, sources.length - 1)] ?? '';
    const from = integerBetween(random, 0, source.length - characters);
    return source.slice(from, from + characters);
  });
}
