export { type Encoding, loadTokenizer, type Tokenizer } from './tokenizer.ts';
