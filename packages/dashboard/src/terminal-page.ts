// A document for the terminal, in which its rules of style do not break the policy of the page. xterm.js puts
// them into <style> elements and style attributes; the policy takes neither, since it cannot tell them from
// what an intruder would write. A sheet that a script makes, and the properties of an element, are taken:
// so what xterm makes hands its rules on to these for as long as it is there. Rejected: `unsafe-inline` for the whole page,
// and the renderer over WebGL, which needs the same <style> elements for its scroll bar.

export type TerminalPage = { document: Document; dispose(): void }

export function createTerminalPage(page: Document): TerminalPage {
  const sheets: CSSStyleSheet[] = []

  function adopt(style: HTMLElement): void {
    const sheet = new CSSStyleSheet()
    sheets.push(sheet)
    page.adoptedStyleSheets.push(sheet)
    Object.defineProperty(style, 'textContent', {
      get: () => '',
      set: (rules: string) => sheet.replaceSync(rules),
    })
  }

  function createElement(name: string): HTMLElement {
    const element = page.createElement(name)
    const { appendChild } = element
    // A style element is never in the document: there it would be refused.
    element.appendChild = (child) => {
      if (!(child instanceof HTMLStyleElement))
        return appendChild.call(element, child) as typeof child
      adopt(child)
      return child
    }
    return element
  }

  // Cells are made past the document that xterm is given.
  const cells = HTMLSpanElement.prototype
  cells.setAttribute = function setAttribute(name, value) {
    if (name === 'style') this.style.cssText = value
    else Element.prototype.setAttribute.call(this, name, value)
  }

  return {
    document: new Proxy(page, {
      get(target, name) {
        if (name === 'createElement') return createElement
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
    dispose() {
      Reflect.deleteProperty(cells, 'setAttribute')
      page.adoptedStyleSheets = page.adoptedStyleSheets.filter((one) => !sheets.includes(one))
    },
  }
}
