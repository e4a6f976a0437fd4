/**
 * Where token ids differ from those of native `tokenizers`, with which models are trained:
 *
 *     node --conditions=tidemill-source test/model/tokenizer-native.ts [texts a tokenizer, default 20000]
 *
 * Ours are those of `@huggingface/tokenizers`, so this compares that library with the native one. The native one is
 * installed into a scratch folder. Lone surrogates are left out: they do not reach it as they are. One minute.
 */
import { integerBetween, seededRandom } from '../../apps/standalone/src/streams/random.ts';
import { loadTokenizer } from '#libs/tokenizer';
import { charsmap, nativeTokenizer } from '../bench/peers/native-tokenizers.ts';
import {
  drawText,
  languages,
  languagesByScript,
  paragraphs,
  unigramTokenizer,
  wordPieceTokenizer,
} from '../support/tokenizers.ts';

const count = Number(process.argv[2] ?? 20_000);
const scripts = Object.values(languagesByScript).map(paragraphs);
const all = languages().flatMap(paragraphs);
const tokenizers = {
  Unigram: unigramTokenizer(all, { size: 250_002, charsmap: await charsmap() }),
  WordPiece: wordPieceTokenizer(all, { size: 30_522 }),
  'WordPiece, cased': wordPieceTokenizer(all, { size: 30_522, lowercase: false }),
};
const random = seededRandom('native');
const plain = Array.from({ length: count }, () => {
  const source = scripts[integerBetween(random, 0, scripts.length - 1)] ?? [];
  return source[integerBetween(random, 0, source.length - 1)] ?? '';
});
const texts = {
  'paragraphs as they are': plain,
  'texts changed, mixed and broken': Array.from({ length: count }, () => drawText(random, scripts).toWellFormed()),
};

for (const [name, json] of Object.entries(tokenizers)) {
  const ours = loadTokenizer(json);
  const native = await nativeTokenizer(json);
  for (const [kind, list] of Object.entries(texts)) {
    const characters = new Map<string, number>();
    let different = 0;
    for (const text of list) {
      const expected = (await native.encode(text)).getIds();
      const { ids } = ours.encode(text, 2 ** 30);
      if (ids.length === expected.length && expected.every((id, i) => id === ids[i])) continue;
      different++;
      // Which characters differ by themselves, between two letters.
      for (const character of new Set(text)) {
        const alone = `a${character}b`;
        const answers = [(await native.encode(alone)).getIds(), Array.from(ours.encode(alone, 100).ids)];
        if (answers[0]?.join() !== answers[1]?.join()) characters.set(character, (characters.get(character) ?? 0) + 1);
      }
    }
    const worst = [...characters].sort(([, a], [, b]) => b - a).slice(0, 25);
    const named = worst.map(
      ([character, times]) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()} ×${times}`,
    );
    console.log(`${name}, ${kind}: ${different} of ${list.length} differ; ${named.join(', ')}`);
  }
}
