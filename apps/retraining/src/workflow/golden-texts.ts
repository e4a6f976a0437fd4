const taken = 8;

/** Texts that a host must answer as recorded: some of those trained on, one as long as the model takes, and an empty one. */
export function goldenTextsOf(texts: readonly string[], longest: string): string[] {
  const step = Math.max(1, Math.floor(texts.length / taken));
  return [...texts.filter((_, i) => i % step === 0).slice(0, taken), longest, ''];
}
