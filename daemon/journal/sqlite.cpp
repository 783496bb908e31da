#include "daemon/journal/sqlite.h"

#include <sqlite3.h>

#include <utility>

namespace vc {
namespace {

DatabaseError::Kind kind_of_code(int code) {
    using Kind = DatabaseError::Kind;
    switch (code & 0xff) {
        case SQLITE_FULL:
            return Kind::full;
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
            return Kind::no_database;
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY:
            return Kind::cannot_open;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Kind::busy;
        default:
            return Kind::other;
    }
}

DatabaseError error_of(sqlite3* handle, int code) {
    return {kind_of_code(code), handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code)};
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      handle_(std::exchange(other.handle_, nullptr)),
      bound_(other.bound_) {}

Statement::~Statement() {
    sqlite3_finalize(handle_);
}

Statement& Statement::bind(std::int64_t value) {
    if (handle_ != nullptr) database_.note(sqlite3_bind_int64(handle_, ++bound_, value));
    return *this;
}

Statement& Statement::bind(std::string_view text) {
    if (handle_ != nullptr) {
        database_.note(sqlite3_bind_text64(handle_, ++bound_, text.data(), text.size(),
                                           SQLITE_TRANSIENT, SQLITE_UTF8));
    }
    return *this;
}

Statement& Statement::bind_null() {
    if (handle_ != nullptr) database_.note(sqlite3_bind_null(handle_, ++bound_));
    return *this;
}

bool Statement::next() {
    if (handle_ == nullptr) return false;
    const int code = database_.ok() ? sqlite3_step(handle_) : SQLITE_DONE;
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) database_.note(code);
    sqlite3_reset(handle_);
    bound_ = 0;
    return false;
}

void Statement::run() {
    while (next()) {
    }
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(handle_, column);
}

std::string Statement::text(int column) const {
    const auto* data = sqlite3_column_text(handle_, column);
    const int size = sqlite3_column_bytes(handle_, column);
    if (data == nullptr || size <= 0) return {};
    return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

tl::expected<std::unique_ptr<Database>, DatabaseError> Database::open(const std::string& path,
                                                                      Mode mode) {
    const int flags = (mode == Mode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                : SQLITE_OPEN_READONLY) |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    if (code != SQLITE_OK) {
        DatabaseError error = error_of(handle, code);
        sqlite3_close_v2(handle);
        return tl::unexpected(std::move(error));
    }
    std::unique_ptr<Database> database(new Database(handle));
    sqlite3_busy_timeout(handle, 2000);
    if (mode == Mode::read_write) {
        // The -wal and -shm files stay when we are gone: a reader without the right to make them
        // can then still read.
        int yes = 1;
        sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &yes);
    }
    return database;
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

void Database::note(int code) {
    if (code == SQLITE_OK || !ok_) return;
    ok_ = false;
    error_ = error_of(handle_, code);
}

void Database::exec(const char* sql) {
    if (ok_) note(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr));
}

Statement Database::prepare(std::string_view sql) {
    sqlite3_stmt* handle = nullptr;
    if (ok_) {
        note(sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &handle,
                                nullptr));
    }
    return Statement(*this, handle);
}

std::int64_t Database::value(std::string_view sql) {
    Statement statement = prepare(sql);
    return statement.next() ? statement.integer(0) : 0;
}

std::uint64_t Database::changed() const {
    return static_cast<std::uint64_t>(sqlite3_changes64(handle_));
}

tl::expected<void, DatabaseError> Database::outcome() {
    if (ok_) return {};
    // Some errors have rolled back already.
    if (sqlite3_get_autocommit(handle_) == 0) {
        sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
    ok_ = true;
    return tl::unexpected(std::move(error_));
}

}  // namespace vc
