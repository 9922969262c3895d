/** The Link header by which a list says where its next page is (RFC 8288; distribution-spec, "Listing Tags"). */

/** Relative, for only the client knows by which address it came; with the brackets that some clients insist on. */
export function nextLink(path: string, query: Readonly<Record<string, string | number>>): string {
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return `<${encodeURI(path)}?${parameters.join('&')}>; rel="next"`
}
