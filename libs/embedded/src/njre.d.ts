/** The part of njre 3 that is used; the package brings no types. */
declare module 'njre' {
  /** Resolves to the folder that holds the unpacked distribution. */
  export function install(version: number, options: { type: 'jre' | 'jdk'; installPath: string }): Promise<string>;
}
