package op

import (
	"context"
	"net/url"
)

// Page is the input of every list. Embed it in the operation's input.
type Page struct {
	Limit  int    `query:"limit" format:"int32" minimum:"1" maximum:"200" default:"50" doc:"How many items to return." example:"50"`
	Cursor string `query:"cursor" maxLength:"1024" pattern:"^[A-Za-z0-9_-]+$" doc:"Where to go on: next_cursor of the page before." example:"Zm9vYmFy"`
}

// Fetch is how many rows to read: one more than asked for tells whether there
// is a next page.
func (p Page) Fetch() int { return p.Limit + 1 }

func (Page) isPage() {}

// ShortPage is Page for lists of which a few items are shown at first.
type ShortPage struct {
	Limit  int    `query:"limit" format:"int32" minimum:"1" maximum:"200" default:"8" doc:"How many items to return." example:"8"`
	Cursor string `query:"cursor" maxLength:"1024" pattern:"^[A-Za-z0-9_-]+$" doc:"Where to go on: next_cursor of the page before." example:"Zm9vYmFy"`
}

// Page is the same as any other list has it.
func (p ShortPage) Page() Page { return Page(p) }

func (ShortPage) isPage() {}

// List is the output of every list.
type List[T any] struct {
	Link string `header:"Link" maxLength:"4096" doc:"The next page, as rel=\"next\"; left out on the last one." example:"</v1/things?cursor=Zm9vYmFy>; rel=\"next\""`
	Body Collection[T]
}

// Collection is one page of items.
type Collection[T any] struct {
	Items      []T    `json:"items" maxItems:"200" doc:"The items of this page."`
	NextCursor string `json:"next_cursor,omitempty" maxLength:"1024" pattern:"^[A-Za-z0-9_-]+$" doc:"The cursor of the next page; left out on the last one." example:"Zm9vYmFy"`
}

// After reads the sort key after which the page starts; nil is the first page.
func After[K any](ctx context.Context, p Page) (*K, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	rq, last := requestOf(ctx), new(K)
	if err := rq.surface.cursors.Decode(rq.listName(), p.Cursor, last); err != nil {
		return nil, err
	}
	return last, nil
}

// Listing makes a page of up to p.Fetch() rows: view turns a row into what the
// client sees, key gives the row's place in the order. Keys end with a unique
// id, so that no two rows share one.
func Listing[R, T, K any](ctx context.Context, p Page, rows []R, view func(R) T, key func(R) K) (*List[T], error) {
	out := &List[T]{}
	more := len(rows) > p.Limit
	rows = rows[:min(len(rows), p.Limit)]
	out.Body.Items = make([]T, 0, len(rows))
	for _, row := range rows {
		out.Body.Items = append(out.Body.Items, view(row))
	}
	if !more {
		return out, nil
	}
	rq := requestOf(ctx)
	next, err := rq.surface.cursors.Encode(rq.listName(), key(rows[len(rows)-1]))
	if err != nil {
		return nil, err
	}
	out.Body.NextCursor = next
	out.Link = rq.nextLink(next)
	return out, nil
}

// listName says what a list is a list of: the operation, the caller's tenant,
// the path (and so the tenant that it names), filters and order.
func (rq *request) listName() string {
	filters := rq.http.URL.Query()
	filters.Del("cursor")
	filters.Del("limit")
	return rq.operationID() + "\x00" + rq.caller.TenantID.String() + "\x00" + rq.http.URL.Path + "\x00" + filters.Encode()
}

func (rq *request) nextLink(cursor string) string {
	query := rq.http.URL.Query()
	query.Set("cursor", cursor)
	next := url.URL{Path: rq.http.URL.Path, RawPath: rq.http.URL.RawPath, RawQuery: query.Encode()}
	return "<" + next.String() + `>; rel="next"`
}
