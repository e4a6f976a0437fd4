/** The part of html-to-text that is used here; the package has no types of its own. */
declare module 'html-to-text' {
  export function convert(
    html: string,
    options?: { wordwrap?: number | false; selectors?: { selector: string; format?: string }[] },
  ): string;
}
