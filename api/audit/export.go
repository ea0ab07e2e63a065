package audit

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/internal/sheet"
	"github.com/trellishq/trellis/tenants"
)

// ExportInput is the input of exportAuditEntries.
type ExportInput struct {
	Filter
	Format string `query:"format" enum:"csv,xlsx" default:"csv" doc:"The kind of file. A cell that a spreadsheet would calculate is written as text."`
}

// Exported is the output of exportAuditEntries.
type Exported struct {
	ContentType string    `header:"Content-Type" maxLength:"100" doc:"The kind of file." example:"text/csv; charset=utf-8"`
	Disposition string    `header:"Content-Disposition" maxLength:"200" doc:"Under which name to keep it." example:"attachment; filename=\"audit-2026-03-07.csv\""`
	Body        op.Stream `contentType:"text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" doc:"The file."`
}

// heading names the columns of an export.
var heading = []string{
	"time", "tenant_id", "seq", "action", "object_kind", "object_id", "actor_kind", "actor_id", "actor_name", "actor_user_id",
	"actor_from_above", "act_as_id", "ip_address", "request_id", "changes", "details", "id", "hash",
}

func (h handlers) export(ctx context.Context, in *ExportInput) (*Exported, error) {
	f, err := in.filter(ctx)
	if err != nil {
		return nil, err
	}
	format := sheet.Format(in.Format)
	if err := h.Trail.Note(ctx, "audit.exported", "tenant", in.TenantID, map[string]any{"format": format, "subtree": f.Subtree}); err != nil {
		return nil, err
	}
	home := tenants.ReachOf(ctx).Home
	return &Exported{
		ContentType: format.ContentType(),
		Disposition: `attachment; filename="audit-` + h.Trail.Now().Format(time.DateOnly) + "." + in.Format + `"`,
		Body: func(w http.ResponseWriter) error {
			file, err := sheet.New(format, w)
			if err != nil {
				return err
			}
			if err := h.write(ctx, file, f, home); err != nil {
				file.Abandon()
				return err
			}
			return file.Close()
		},
	}, nil
}

func (h handlers) write(ctx context.Context, file sheet.Writer, f audit.Filter, home string) error {
	if err := file.Row(heading...); err != nil {
		return err
	}
	return h.Trail.Each(ctx, f, h.MayGoOn, func(row audit.Entry) error { return file.Row(cells(row, home)...) })
}

func cells(row audit.Entry, home string) []string {
	e := view(row, home)
	var seq, hash string
	if e.Seq != nil {
		seq, hash = strconv.FormatInt(*e.Seq, 10), *e.Hash
	}
	hide := above(home)
	return []string{
		e.CreatedAt.UTC().Format(time.RFC3339Nano), e.TenantID.String(), seq, e.Action, e.Object.Kind, e.Object.ID.String(),
		e.Actor.Kind, text(e.Actor.ID), e.Actor.Name, text(e.Actor.UserID), strconv.FormatBool(e.Actor.FromAbove), text(e.ActAsID),
		e.IPAddress, e.RequestID, hide.Replace(string(row.Changes)), string(e.Details), e.ID.String(), hash,
	}
}

func text(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}
