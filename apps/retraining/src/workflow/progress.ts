import type { Gate } from './gates.ts';

export type Phase = 'snapshot' | 'train' | 'evaluate' | 'register' | 'host' | 'canary' | 'promote';

/** What retraining is doing now, for people. */
export interface ProgressState {
  model: string;
  requestId: string;
  phase: Phase;
  /** Share of the phase that is done, 0 to 1. */
  progress: number;
  detail: string;
  gates: readonly Gate[];
}

export class Progress {
  #state: ProgressState | undefined;

  get state(): ProgressState | undefined {
    return this.#state;
  }

  begin({ model, id }: { model: string; id: string }): void {
    this.#state = { model, requestId: id, phase: 'snapshot', progress: 0, detail: '', gates: [] };
  }

  enter(phase: Phase, detail: string): void {
    if (this.#state !== undefined) this.#state = { ...this.#state, phase, progress: 0, detail };
  }

  advance(progress: number, detail: string): void {
    if (this.#state !== undefined) this.#state = { ...this.#state, progress, detail };
  }

  gates(gates: readonly Gate[]): void {
    if (this.#state !== undefined) this.#state = { ...this.#state, gates };
  }

  end(): void {
    this.#state = undefined;
  }
}
