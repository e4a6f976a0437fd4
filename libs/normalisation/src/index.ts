export { encodeNormalised, encodeUtf16, type EncodedBatch } from './encode.ts';
export { defaultMaximumCharacters, isBlank, isTruncated, lengthOf, normalise } from './normalise.ts';
