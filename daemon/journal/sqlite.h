// SQLite, as far as the journal needs it. The library is seen by sqlite.cpp alone.
//
// Errors are sticky: after the first one every statement of that Database does nothing, until
// outcome() hands the error over. So a transaction is written straight down and asked once, at its
// end, whether it happened. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace vc {

struct DatabaseError {
    enum class Kind : std::uint8_t {
        full,         // the disk, or the limit set with PRAGMA max_page_count
        no_database,  // the file is something else, or damaged
        cannot_open,
        busy,  // somebody else holds a lock on it
        other,
    };
    Kind kind = Kind::other;
    std::string message;
};

class Database;

// Reset by run() and by reading to the end, so it can be bound and used again.
class Statement {
  public:
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    // Parameters are filled in from the first to the last.
    Statement& bind(std::int64_t value);
    Statement& bind(std::string_view text);
    Statement& bind_null();

    // Goes to the next row; false at the end or after an error.
    bool next();
    // For statements without rows.
    void run();

    bool is_null(int column) const;
    std::int64_t integer(int column) const;
    std::string text(int column) const;

  private:
    friend class Database;
    Statement(Database& database, sqlite3_stmt* handle) : database_(database), handle_(handle) {}

    Database& database_;
    sqlite3_stmt* handle_;
    int bound_ = 0;
};

class Database {
  public:
    enum class Mode : std::uint8_t { read_write, read_only };
    static tl::expected<std::unique_ptr<Database>, DatabaseError> open(const std::string& path,
                                                                       Mode mode);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void exec(const char* sql);
    Statement prepare(std::string_view sql);
    // The first column of the first row, or 0.
    std::int64_t value(std::string_view sql);
    // Rows that the last statement changed.
    std::uint64_t changed() const;

    bool ok() const { return ok_; }
    // The first error since the last call. A transaction that is still open is rolled back.
    tl::expected<void, DatabaseError> outcome();

  private:
    friend class Statement;
    explicit Database(sqlite3* handle) : handle_(handle) {}
    void note(int code);

    sqlite3* handle_;
    bool ok_ = true;
    DatabaseError error_;
};

}  // namespace vc
