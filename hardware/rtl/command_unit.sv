// Takes one request after the other: who may ask, whose turn it is, what is stored, and what is
// said to what is no request at all. Ref: docs/vau-link-1.md, sections 2, 3 and 5.
module command_unit #(
    parameter int N = 96,
    parameter int COLUMNS = 2,
    parameter int WINDOW = 4
) (
    input  logic         clk,
    input  logic         reset,
    // What came.
    input  logic         held,
    input  logic         junk,
    input  logic [127:0] header,
    input  logic [47:0]  opening,
    output logic         release_it,
    output logic         busy,
    input  logic         overrun,
    // What leaves.
    output logic         send,
    input  logic         sending,
    output logic [127:0] reply_header,
    output logic         tells_info,     // its payload is the INFO block
    output logic [31:0]  nonce,
    // What is asked of the dies.
    output logic         judged,         // the verdict is looked at
    output logic [15:0]  whole,
    output logic         rest,
    output logic [7:0]   die_row,
    output logic [7:0]   die_col,
    input  logic [15:0]  inputs,
    input  logic         done,
    input  logic [7:0]   status,
    input  logic [15:0]  answer_bytes,
    input  logic [7:0]   found_die,
    output logic         executed,       // the contexts hear of it
    output logic         forget,         // all contexts
    output logic         restart,        // everything but the frame at hand begins anew
    // Telemetry.
    output logic         frame,
    output logic         junk_chunk,
    output logic         replay,
    output logic         seq_answered,
    output logic         session_answered
);
    localparam logic [3:0] IDLE = 4'd0, LOOK = 4'd1, DIVIDE = 4'd2, JUDGE = 4'd3, EXECUTE = 4'd4;
    localparam logic [3:0] STORE = 4'd5, ANSWER = 4'd6, LEAVING = 4'd7, LEFT = 4'd8, RESTART = 4'd9;
    localparam logic [1:0] RESTART_CYCLES = 2'd3;

    wire [7:0]  version = header[7:0];
    wire [7:0]  op = header[15:8];
    wire [15:0] session = header[31:16];
    wire [15:0] number = header[47:32];
    wire [7:0]  die = header[71:64];
    wire [15:0] length = header[95:80];
    wire [15:0] opened_session = opening[15:0];
    wire [31:0] opened_nonce = opening[47:16];

    wire [15:0]  divisor = op == words::WRITE ? 16'(N) : inputs;

    logic [3:0]  state;
    logic [1:0]  restart_left;
    logic [15:0] owner;              // 0: nobody
    logic [15:0] dividend;
    logic        lost_bytes;         // the port did, since the last answer to junk

    // The header of the reply, field by field.
    logic [7:0]  reply_op, reply_status, reply_die;
    logic [15:0] reply_session, reply_number, reply_length;
    logic [31:0] reply_address;

    assign reply_header = {
        reply_address, reply_length, header[79:72], reply_die, 8'(WINDOW), reply_status,
        reply_number, reply_session, reply_op, 8'd1
    };

    localparam int STORED = 72; // length, status, op, die, addr
    logic [15:0]       expected, last_taken;
    logic              in_turn, stored;
    logic [STORED-1:0] found;
    wire               opens = state == LOOK && version == 8'd1 && op == words::OPEN && length == 16'd6
        && opened_session != 16'd0 && opened_nonce != 32'd0
        && !(opened_session == owner && opened_nonce == nonce);

    replies #(.WINDOW(WINDOW), .WIDTH(STORED)) replies (
        .clk, .clear(reset || restart || opens), .number, .expected, .last_taken, .in_turn, .stored,
        .found, .take(state == STORE), .has_payload_slot(op != words::WRITE),
        .reply({reply_length, reply_status, reply_op, reply_die, reply_address})
    );

    assign rest = dividend != 16'd0;
    assign busy = state != IDLE || held;
    assign judged = state == JUDGE;
    assign release_it = state == LEFT;
    assign executed = state == STORE;
    assign forget = opens || (state == LEFT && owner == 16'd0);
    assign restart = state == RESTART;
    assign send = state == ANSWER;

    always_ff @(posedge clk) begin
        frame <= 1'b0;
        junk_chunk <= 1'b0;
        replay <= 1'b0;
        seq_answered <= 1'b0;
        session_answered <= 1'b0;
        if (reset) begin
            state <= IDLE;
            owner <= 16'd0;
            nonce <= 32'd0;
            lost_bytes <= 1'b0;
        end else begin
            if (overrun) lost_bytes <= 1'b1;
            case (state)
                IDLE: if (held) begin
                    reply_op <= op | 8'h80;
                    reply_session <= session;
                    reply_number <= number;
                    reply_status <= words::OK;
                    reply_die <= die;
                    reply_address <= header[127:96];
                    reply_length <= 16'd0;
                    tells_info <= 1'b0;
                    if (junk) begin
                        junk_chunk <= 1'b1;
                        reply_op <= words::JUNK;
                        reply_session <= owner;
                        reply_number <= last_taken;
                        reply_status <= lost_bytes ? words::OVERRUN : words::CRC;
                        reply_die <= 8'hFF;
                        reply_address <= 32'd0;
                        lost_bytes <= overrun;
                        state <= ANSWER;
                    end else begin
                        frame <= 1'b1;
                        state <= LOOK;
                    end
                end

                LOOK: begin
                    state <= ANSWER;
                    if (version != 8'd1) reply_status <= words::VERSION;
                    else if (op == words::INFO) begin
                        reply_session <= owner;
                        if (length != 16'd0) reply_status <= words::RANGE;
                        else {tells_info, reply_length} <= {1'b1, 16'd80};
                    end else if (op == words::OPEN) begin
                        if (length != 16'd6 || opened_session == 16'd0 || opened_nonce == 32'd0)
                            reply_status <= words::RANGE;
                        else begin
                            {tells_info, reply_length} <= {1'b1, 16'd80};
                            owner <= opened_session;
                            nonce <= opened_nonce;
                        end
                    end else if (op == words::RESET) begin
                        if (length != 16'd0) reply_status <= words::RANGE;
                    end else if (owner == 16'd0 || session != owner) begin
                        reply_status <= words::SESSION;
                        session_answered <= 1'b1;
                    end else if (in_turn) begin
                        whole <= 16'd0;
                        dividend <= length;
                        die_row <= 8'd0;
                        die_col <= die;
                        state <= DIVIDE;
                    end else if (stored) begin
                        // A frame of that number with other words in it gets the same answer.
                        {reply_length, reply_status, reply_op, reply_die, reply_address} <= found;
                        replay <= 1'b1;
                    end else begin
                        reply_status <= words::SEQ;
                        reply_address <= 32'(expected);
                        seq_answered <= 1'b1;
                    end
                end

                DIVIDE: begin
                    // What cannot be divided leaves a rest, and is judged by it.
                    if (dividend >= divisor && divisor != 16'd0) begin
                        dividend <= dividend - divisor;
                        whole <= whole + 16'd1;
                    end
                    if (die_col >= 8'(COLUMNS)) begin
                        die_col <= die_col - 8'(COLUMNS);
                        die_row <= die_row + 8'd1;
                    end
                    if ((dividend < divisor || divisor == 16'd0) && die_col < 8'(COLUMNS)) state <= JUDGE;
                end

                JUDGE: state <= EXECUTE;

                EXECUTE: if (done) begin
                    reply_status <= status;
                    reply_length <= answer_bytes;
                    if (status == words::MEM || status == words::FAULT) reply_die <= found_die;
                    state <= STORE;
                end

                STORE: state <= ANSWER;

                ANSWER: state <= LEAVING;

                LEAVING: if (!sending) begin
                    if (reply_op == (words::CLOSE | 8'h80) && reply_status == words::OK) begin
                        owner <= 16'd0;
                        nonce <= 32'd0;
                    end
                    restart_left <= RESTART_CYCLES;
                    state <= reply_op == (words::RESET | 8'h80) && reply_status == words::OK ? RESTART : LEFT;
                end

                RESTART: begin
                    owner <= 16'd0;
                    nonce <= 32'd0;
                    lost_bytes <= 1'b0;
                    restart_left <= restart_left - 2'd1;
                    if (restart_left == 2'd0) state <= LEFT;
                end

                default: state <= IDLE; // LEFT
            endcase
        end
    end
endmodule
