/** Colours that can be read on white and on black; the viewer's scheme chooses. */
export const SVG_STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 11px; fill: #57606a }
  .bar { fill: #0969da }
  .fault { fill: #cf222e }
  .fine { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .bar { fill: #4493f8 }
    .fault { fill: #ff7b72 }
    .fine { fill: #3fb950 }
  }`

export const svgText = (x: number, y: number, content: string, kind?: string): string =>
  `<text x="${x}" y="${y}"${kind ? ` class="${kind}"` : ''}>${escaped(content)}</text>`

/** A text as it is written in SVG. */
export const escaped = (content: string): string =>
  content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
