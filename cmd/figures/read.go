package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

func measureRead(ctx context.Context, b *bench) ([]result, error) {
	stop, err := b.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	path, err := b.anInteraction(ctx)
	if err != nil {
		return nil, err
	}
	floorAddress, stopFloor, err := b.startFloor(ctx)
	if err != nil {
		return nil, err
	}
	defer stopFloor()
	rate, floor, err := alternate(3,
		func() (float64, error) {
			return closedLoop(ctx, get("http://"+b.address+path, b.seeded.token))
		},
		func() (float64, error) {
			return closedLoop(ctx, get("http://"+floorAddress+path, b.seeded.token))
		})
	if err != nil {
		return nil, err
	}
	return []result{{name: "read_one", unit: "1/s", value: rate, floor: floor, notes: "16 clients, 3 × 8 s each in turns"}}, nil
}

// anInteraction makes one by a customer's message.
func (b *bench) anInteraction(ctx context.Context) (string, error) {
	if err := b.sendInbound(ctx); err != nil {
		return "", err
	}
	var path string
	err := await(ctx, func() bool {
		list, err := b.call(ctx, http.MethodGet, b.tenantPath("/interactions?limit=1"), nil)
		if err != nil {
			return false
		}
		items, _ := list["items"].([]any)
		if len(items) == 0 {
			return false
		}
		path = b.tenantPath("/interactions/" + items[0].(map[string]any)["id"].(string))
		return true
	})
	return path, err
}

func get(url, token string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		_, _ = io.Copy(io.Discard, response.Body)
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s was answered %d", url, response.StatusCode)
		}
		return nil
	}
}

// startFloor runs the floor in a process of its own, as the binary is.
func (b *bench) startFloor(ctx context.Context) (string, func(), error) {
	address, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "-floor-server", address, "-database", b.ownerURL())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	}
	if err := await(ctx, func() bool { return answers("http://" + address + "/readyz") }); err != nil {
		stop()
		return "", nil, err
	}
	return address, stop, nil
}

// serveFloor is chi and the same SQL in the same transaction, with nothing
// between: no permission, no document, no row limits, no log.
func serveFloor(ctx context.Context, address, database string) error {
	db, err := sql.Open("postgres", database)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(clients)
	db.SetMaxIdleConns(clients)
	router := chi.NewRouter()
	router.Get("/readyz", func(http.ResponseWriter, *http.Request) {})
	router.Get("/v1/tenants/{tenant_id}/interactions/{interaction_id}", func(w http.ResponseWriter, r *http.Request) {
		row, err := readFloor(r.Context(), db, chi.URLParam(r, "tenant_id"), chi.URLParam(r, "interaction_id"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(row)
	})
	server := &http.Server{Addr: address, Handler: router, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// interactionRow are the columns that the API reads.
type interactionRow struct {
	ID, TenantID, ChannelID, ContactID  uuid.UUID
	CreatedAt, UpdatedAt, LastMessageAt time.Time
	Version, Unseen                     int
	Address, Status, Preview, Reason    string
	NeedsReply                          bool
	AssigneeID, ClosedByID              uuid.NullUUID
	ClosedAt                            sql.NullTime
}

func readFloor(ctx context.Context, db *sql.DB, tenantID, interactionID string) (interactionRow, error) {
	var r interactionRow
	tenant, err := uuid.Parse(tenantID)
	if err != nil {
		return r, err
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return r, err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SET LOCAL app.tenant_id = '"+tenant.String()+"'; SET LOCAL app.path = '/"+tenant.String()+"/'"); err != nil {
		return r, err
	}
	err = tx.QueryRowContext(ctx, `
		SELECT id, created_at, updated_at, version, tenant_id, channel_id, contact_id, address, status, needs_reply, unseen,
		       assignee_id, preview, last_message_at, closed_at, closed_by_id, close_reason
		FROM interactions WHERE id = $1 AND tenant_id = $2 LIMIT 2`, interactionID, tenantID).
		Scan(&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Version, &r.TenantID, &r.ChannelID, &r.ContactID, &r.Address, &r.Status,
			&r.NeedsReply, &r.Unseen, &r.AssigneeID, &r.Preview, &r.LastMessageAt, &r.ClosedAt, &r.ClosedByID, &r.Reason)
	if err != nil {
		return r, err
	}
	return r, tx.Commit()
}
