import { defineErrors, type TidemillError } from '#libs/platform';

export const modelError = defineErrors({
  BUNDLE_INVALID: { message: 'the model bundle is not valid', retriable: false },
  BUNDLE_DIGEST_MISMATCH: { message: 'the model bundle is not the one its digest names', retriable: false },
  BUNDLE_UNREADABLE: { message: 'the files of the model bundle cannot be read now', retriable: true },
  MODEL_REFUSED: { message: 'the model was refused', retriable: false },
  MODEL_OUTPUT_INVALID: {
    message: 'the model gave an answer that is not a probability distribution',
    retriable: false,
  },
  MODEL_HOST_EXITED: { message: 'the model host process ended', retriable: true },
  MODEL_HOST_TIMEOUT: { message: 'the model host did not answer in time and was ended', retriable: true },
  BATCH_NOT_STARTED: { message: 'the model host ended before it came to this batch', retriable: true },
  TEXT_ENDS_HOST: {
    message: 'the model host ended over this text, twice and with nothing else to do',
    retriable: false,
  },
  MODEL_NOT_SERVING: { message: 'no version of the model is being served', retriable: true },
  MODEL_STALE: { message: 'a newer version should serve but does not', retriable: true },
  MODEL_MEMORY: {
    message: 'the model does not fit into inference.memoryBudgetMegabytes beside what is in use',
    retriable: true,
  },
  MODEL_DEFERRED: {
    message: 'the model is loaded with its first text: there is no room for it beside what is in use',
    retriable: true,
  },
  MODEL_TOO_LARGE: { message: 'the model alone takes more than inference.memoryBudgetMegabytes', retriable: false },
  BATCH_QUEUE_FULL: { message: 'too many texts are waiting for inference; try again later', retriable: true },
  VERSION_SUPERSEDED: { message: 'a newer model version arrived while this one was being loaded', retriable: false },
});

const longestDetail = 500;

/** A refusal of files from outside, in one sentence whatever it quotes of them. */
export function refusal(code: 'BUNDLE_INVALID' | 'MODEL_REFUSED', detail: string): TidemillError {
  const line = detail.replaceAll(/[\s\p{Cc}]+/gu, ' ');
  return modelError(code, { detail: line.length > longestDetail ? `${line.slice(0, longestDetail)} …` : line });
}
