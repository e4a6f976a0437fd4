/** Words for one node: the slot of its parent, the code unit that leads to it, the value of the key that ends in it. */
const stride = 4;
/** Parent of a slot that holds no node. */
const emptySlot = -3;

/**
 * A trie over UTF-16 code units in one typed array: an open-addressing hash table from (parent, unit) to the child, so
 * that a step costs about one cache line, and building needs no sorting. A node is the place of its slot.
 */
export class Trie {
  static readonly root = -1;
  /** What leads nowhere. */
  static readonly none = -2;
  readonly #table: Int32Array;
  readonly #shift: number;

  /** @param keys every key with its value, which is not negative. */
  constructor(keys: ReadonlyMap<string, number>) {
    const { parents, units, values, count } = nodesOf(keys);
    const bits = Math.max(4, Math.ceil(Math.log2(count * 1.7)));
    this.#shift = 32 - bits;
    this.#table = new Int32Array(stride * 2 ** bits);
    for (let slot = 0; slot < this.#table.length; slot += stride) this.#table[slot] = emptySlot;
    // Parents come before their children.
    const slots = new Int32Array(count);
    slots[0] = Trie.root;
    for (let node = 1; node < count; node++) {
      const parent = slots[parents[node] ?? 0] ?? 0;
      const unit = units[node] ?? 0;
      let slot = this.#start(parent, unit);
      while (this.#table[slot] !== emptySlot) slot = this.#next(slot);
      this.#table[slot] = parent;
      this.#table[slot + 1] = unit;
      this.#table[slot + 2] = values[node] ?? -1;
      slots[node] = slot;
    }
  }

  /** The node that a code unit leads to from a node, or `none`. */
  child(node: number, unit: number): number {
    const table = this.#table;
    for (let slot = this.#start(node, unit); ; slot = this.#next(slot)) {
      const parent = table[slot];
      if (parent === node && table[slot + 1] === unit) return slot;
      if (parent === emptySlot) return Trie.none;
    }
  }

  /** The value of the key that ends in a node other than the root, or -1. */
  value(node: number): number {
    return this.#table[node + 2] ?? -1;
  }

  #start(parent: number, unit: number): number {
    return (Math.imul(Math.imul(parent, 0x9e3779b1) ^ unit, 0x85ebca6b) >>> this.#shift) * stride;
  }

  #next(slot: number): number {
    return slot + stride === this.#table.length ? 0 : slot + stride;
  }
}

/** Nodes numbered in the order they are first needed; 0 is the root. */
function nodesOf(keys: ReadonlyMap<string, number>) {
  let most = 1;
  for (const key of keys.keys()) most += key.length;
  const parents = new Int32Array(most);
  const units = new Uint16Array(most);
  const values = new Int32Array(most).fill(-1);
  const bits = Math.ceil(Math.log2(most * 1.5)) + 1;
  const index = new Int32Array(2 ** bits);
  let count = 1;
  for (const [key, value] of keys) {
    let node = 0;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      let slot = Math.imul(Math.imul(node, 0x9e3779b1) ^ unit, 0x85ebca6b) >>> (32 - bits);
      let child = index[slot] ?? 0;
      while (child !== 0 && (parents[child] !== node || units[child] !== unit)) {
        slot = (slot + 1) & (index.length - 1);
        child = index[slot] ?? 0;
      }
      if (child === 0) {
        child = count++;
        index[slot] = child;
        parents[child] = node;
        units[child] = unit;
      }
      node = child;
    }
    values[node] = value;
  }
  return { parents, units, values, count };
}
